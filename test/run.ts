// SPDX-License-Identifier: MIT
// `npm test`, `npm run test:unit`, `npm run test:vm`: runs suites and reports the results (CONTRIBUTING.md).
import { availableParallelism } from 'node:os';
import { Command, Option } from 'commander';
import { majors } from '../tools/node-versions.js';
import { kernelNames } from '../vm/kernels.js';
import { isExpectedSkip } from './harness/expected-skips.js';
import { instruments } from './harness/instruments.js';
import { namePattern } from './harness/name-pattern.js';
import { ProgressLine, print, printOther } from './harness/output.js';
import type { CaseRecord } from './harness/recorder.js';
import { expectedSkips, runSuite } from './harness/run-suite.js';
import { type Selection, select } from './harness/selection.js';
import { sideBySide } from './harness/side-by-side.js';
import type { Suite } from './harness/suite.js';
import { count, countsLine, exitStatus, groupLines } from './harness/summary.js';

interface Options extends Selection {
  readonly name?: RegExp;
  readonly list?: boolean;
}

/** The names of a suite's tests that match, and the reasons why some names may be missing. */
async function namesOf(
  suite: Suite,
  pattern: RegExp,
): Promise<{ names: string[]; broken: string[] }> {
  const names: string[] = [];
  const broken: string[] = [];
  const ending = await suite.list({
    event(event) {
      if (event.event === 'listed' && pattern.test(event.name)) names.push(event.name);
      if (event.event === 'broken') broken.push(event.reason);
    },
    output: printOther,
  });
  if (ending.crashed) broken.push(`cannot list the tests of ${suite.name}: ${ending.how}`);
  return { names, broken };
}

async function list(suites: readonly Suite[], pattern: RegExp): Promise<0 | 1> {
  const all = new Set<string>();
  let status: 0 | 1 = 0;
  for (const suite of suites) {
    const { names, broken } = await namesOf(suite, pattern);
    for (const name of names) all.add(name);
    for (const reason of broken) printOther(`${reason}\n`);
    if (broken.length > 0) status = 1;
  }
  for (const name of all) print(name);
  return status;
}

/** Whether a suite has a matching test. Without this, a machine would boot only to run nothing. */
async function hasWork(suite: Suite, pattern: RegExp): Promise<boolean> {
  const { names, broken } = await namesOf(suite, pattern);
  return names.length > 0 || broken.length > 0;
}

function summarize(cases: readonly CaseRecord[]): 0 | 1 {
  for (const one of cases) {
    if (one.status !== 'skipped' || isExpectedSkip(expectedSkips, one.suite, one.name)) continue;
    print(
      `UNEXPECTED SKIP ${one.suite}: ${one.name}: ${one.reason} (this fails in CI, unless test/expected-skips.txt lists it)`,
    );
  }
  for (const line of groupLines(cases)) print(line);
  print(countsLine(count(cases)));
  return exitStatus(count(cases));
}

async function main({ name, ...options }: Options): Promise<0 | 1> {
  const { suites, leftOut } = select(options);
  if (options.list) return list(suites, name ?? /./);
  const line = new ProgressLine();
  // A suite is one process that runs one test at a time, or a machine that keeps one processor busy.
  const cases = await sideBySide(suites, availableParallelism(), async (suite) => {
    const wanted = name === undefined || (await hasWork(suite, name));
    return wanted ? runSuite(suite, name?.source, line) : [];
  });
  if (leftOut !== undefined) print(leftOut);
  return summarize(cases.flat());
}

await new Command('run')
  .description('Runs the tests on the host, and in the test machine on each of its kernels.')
  .addOption(
    new Option('--suite <name>', 'run only these tests').choices(['unit', 'vm', 'vm-user']),
  )
  .addOption(
    new Option('--kernel <name>', 'run the device tests only on this kernel').choices(kernelNames),
  )
  .addOption(
    new Option(
      '--under <instrument>',
      'run the tests of the host under this instrument (with --suite vm: the device tests)',
    ).choices(Object.keys(instruments)),
  )
  .option(
    '--node <majors>',
    'run the tests of the host on these Node versions, such as 22,24,26',
    majors,
  )
  .option(
    '--name <pattern>',
    'run only tests whose full name matches this regular expression',
    namePattern,
  )
  .option('--list', 'print the names of the tests and run none')
  .action(async (options: Options) => {
    process.exitCode = await main(options);
  })
  .parseAsync();
