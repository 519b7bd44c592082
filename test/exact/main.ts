// SPDX-License-Identifier: MIT
// `npm run test:exact`: the trap test on any Node versions, with one line for each cell.
import { Command, InvalidArgumentError, Option } from 'commander';
import { majors, type NodeIdentity, nodeOf, runningNode } from '../../tools/node-versions.js';
import { clearProgress, progress } from '../../tools/progress.js';
import { namePattern } from '../harness/name-pattern.js';
import { countsLine } from '../harness/summary.js';
import type { Cell } from './cells.js';
import { casesIn, measure, selectCases, unsupported } from './exactness.js';
import { changes, readExpectations, record, writeExpectations } from './expectations.js';
import { mustBeExact, trustsStores, unlistedEngines } from './judgement.js';
import { writeMatrix } from './matrix.js';
import { OUR_CASES } from './our-cases.js';
import { cellLine, changeLines, failureLines } from './report.js';

interface Options {
  node?: string[];
  name?: RegExp;
  break?: string;
  record?: boolean;
}

function caseName(text: string): string {
  const names = OUR_CASES.map(({ name }) => name);
  if (names.includes(text)) return text;
  throw new InvalidArgumentError(`The cases are ${names.join(', ')}.`);
}

function print(lines: readonly string[]): void {
  clearProgress();
  for (const line of lines) process.stdout.write(`${line}\n`);
}

async function nodesFrom(names: readonly string[] | undefined): Promise<NodeIdentity[]> {
  if (names === undefined) return [await runningNode()];
  const nodes: NodeIdentity[] = [];
  for (const name of names) nodes.push(await nodeOf(name));
  return nodes;
}

function report(cell: Cell): void {
  progress(`node ${cell.node}, ${cell.tier}: ${cell.case}`);
  if (!mustBeExact(cell, trustsStores)) return;
  print([cellLine(cell), ...failureLines(cell).map((line) => `    ${line}`)]);
}

/** Records what plain arrays do, or compares it with the record. */
function judgePlain(cells: readonly Cell[], nodes: readonly NodeIdentity[], keep: boolean): void {
  const expectations = readExpectations();
  if (keep) {
    const engines = Object.fromEntries(nodes.map(({ v8, version }) => [v8, version]));
    writeExpectations(record(expectations, engines, cells));
  } else {
    print(changeLines(changes(expectations, cells)));
  }
}

async function main(options: Options): Promise<0 | 1> {
  const reason = unsupported();
  if (reason !== undefined) {
    print([`skipped: ${reason}`, countsLine({ passed: 0, failed: 0, skipped: 1 })]);
    return 0;
  }
  const nodes = await nodesFrom(options.node);
  const selection = selectCases(options.name, options.break);
  const cells: Cell[] = [];
  await measure(
    nodes,
    (tier) => casesIn(tier, selection),
    (cell) => {
      cells.push(cell);
      report(cell);
    },
  );
  const complete = options.name === undefined && options.break === undefined;
  if (complete) writeMatrix(cells);
  judgePlain(cells, nodes, options.record === true);
  if (complete) {
    for (const v8 of unlistedEngines(cells, trustsStores)) {
      print([`V8 ${v8} makes exact stores, but it is not in lib/internal/direct-memory.ts`]);
    }
  }
  const judged = cells.filter((cell) => mustBeExact(cell, trustsStores));
  const failed = judged.filter(({ ok }) => !ok).length;
  print([countsLine({ passed: judged.length - failed, failed, skipped: 0 })]);
  return failed > 0 || judged.length === 0 ? 1 : 0;
}

await new Command('npm run test:exact --')
  .description(
    'Runs the accessors of the library, and plain arrays, over pages that fault on each access.',
  )
  .option(
    '--node <majors>',
    'on these versions of Node, such as 20,22,24,26; by default on the running one',
    majors,
  )
  .option('--name <pattern>', 'only cases whose name matches this expression', namePattern)
  .option(
    '--break <case>',
    'run this case with a plain typed array instead of the library: it must fail',
    caseName,
  )
  .addOption(
    new Option('--record', 'record what plain arrays do as the new expectation').conflicts([
      'name',
      'break',
    ]),
  )
  .action(async (options: Options) => {
    process.exitCode = await main(options);
  })
  .parseAsync();
