// SPDX-License-Identifier: MIT
// npm test, npm run test:unit, npm run test:vm: runs suites and reports them (CONTRIBUTING.md).
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { projectRoot } from '../vm/paths.js';
import type { TestEvent } from './harness/events.js';
import { isExpectedSkip, parseExpectedSkips } from './harness/expected-skips.js';
import { ProgressLine, print, printFailure, printOther } from './harness/output.js';
import { type CaseRecord, type FinishedCase, Recorder } from './harness/recorder.js';
import type { Suite } from './harness/suite.js';
import { nativeSuites, unitSuite, vmSuite } from './harness/suites.js';
import { count, countsLine, exitStatus, groupLines } from './harness/summary.js';

interface Options {
  suite?: 'unit' | 'vm';
  kernel?: 'distro' | 'lab';
  name?: string;
  list?: boolean;
}

const resultsDirectory = join(projectRoot, 'build/results');
const expectedSkips = parseExpectedSkips(
  readFileSync(join(projectRoot, 'test/expected-skips.txt'), 'utf8'),
);
const inCi = Boolean(process.env.CI);

function selectSuites({ suite, kernel }: Options): Suite[] {
  const kernels = kernel === undefined ? (['distro', 'lab'] as const) : [kernel];
  return [
    ...(suite === 'vm' ? [] : [unitSuite, ...nativeSuites()]),
    ...(suite === 'unit' ? [] : kernels.map(vmSuite)),
  ];
}

async function list(suites: readonly Suite[], pattern: RegExp): Promise<0 | 1> {
  const names = new Set<string>();
  const broken: string[] = [];
  for (const suite of suites) {
    const { crashed, how } = await suite.list({
      event(event) {
        if (event.event === 'listed' && pattern.test(event.name)) names.add(event.name);
        if (event.event === 'broken') broken.push(event.reason);
      },
      output: printOther,
    });
    if (crashed) broken.push(`${suite.name}: ${how}`);
  }
  for (const name of names) print(name);
  for (const reason of broken) printOther(`${reason}\n`);
  return broken.length === 0 ? 0 : 1;
}

async function runSuite(
  suite: Suite,
  pattern: string | undefined,
  line: ProgressLine,
): Promise<FinishedCase[]> {
  const recorder = new Recorder(suite.name, (name) =>
    inCi && !isExpectedSkip(expectedSkips, suite.name, name)
      ? 'not in test/expected-skips.txt'
      : undefined,
  );
  const report = (finished: FinishedCase | undefined) => {
    if (finished?.status === 'failed') printFailure(finished);
  };
  const event = (one: TestEvent) => {
    line.update(suite.name, one);
    report(recorder.handle(one));
    if (one.event === 'console') printOther(`${one.text}\n`);
  };
  const ending = await suite.run(pattern, { event, output: printOther });
  recorder.finish(ending).forEach(report);
  writeResults(suite.name, recorder.cases);
  return recorder.cases;
}

function writeResults(suite: string, cases: readonly FinishedCase[]): void {
  const lines = cases.map(({ kernelLog: _, ...record }) => `${JSON.stringify(record)}\n`);
  mkdirSync(resultsDirectory, { recursive: true });
  writeFileSync(join(resultsDirectory, `${suite}.jsonl`), lines.join(''));
}

function summarize(cases: readonly CaseRecord[]): 0 | 1 {
  for (const one of cases) {
    if (one.status !== 'skipped' || isExpectedSkip(expectedSkips, one.suite, one.name)) continue;
    print(`UNEXPECTED SKIP ${one.suite}: ${one.name}: ${one.reason} (fails in CI)`);
  }
  for (const line of groupLines(cases)) print(line);
  print(countsLine(count(cases)));
  return exitStatus(count(cases));
}

async function main(options: Options): Promise<0 | 1> {
  const suites = selectSuites(options);
  if (options.list) return list(suites, new RegExp(options.name ?? '', 'i'));
  const line = new ProgressLine();
  const cases: FinishedCase[] = [];
  for (const suite of suites) cases.push(...(await runSuite(suite, options.name, line)));
  return summarize(cases);
}

await new Command('run')
  .description('Runs the tests: on the host, and in the test machine on each of its kernels.')
  .addOption(new Option('--suite <name>', 'only these tests').choices(['unit', 'vm']))
  .addOption(new Option('--kernel <name>', 'only on this kernel').choices(['distro', 'lab']))
  .option('--name <pattern>', 'only tests whose full name matches this regular expression')
  .option('--list', 'print the names of the tests, run none')
  .action(async (options: Options) => {
    process.exitCode = await main(options);
  })
  .parseAsync();
