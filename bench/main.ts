// SPDX-License-Identifier: MIT
// `npm run bench`: measures the library and equivalent C++ in the same run. The page docs/benchmarks.md says what is
// compared with what.
import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { majors } from '../tools/node-versions.js';
import { changesText, compareReports, regressed } from './compare.js';
import { commit, conditions } from './conditions.js';
import { full, measureHost, quick } from './host.js';
import { measureLines } from './node-lines.js';
import { type OutputOptions, output } from './output.js';
import { parseReport, type Report } from './report.js';
import { judge } from './targets.js';

interface Options extends OutputOptions {
  readonly quick?: boolean;
  readonly node?: readonly string[];
  readonly compare?: readonly string[];
}

async function measure({ quick: isQuick = false, node = [] }: Options): Promise<Report> {
  const machine = conditions('memory');
  const effort = isQuick ? quick : full;
  const { results, pinned } = await measureHost(effort, () => measureLines(node, isQuick));
  return {
    schema: 'vfio.bench/1',
    machine: { ...machine, pinned },
    commit: commit(),
    quick: isQuick,
    results: judge(results, 'memory'),
  };
}

function compare([before, after, ...more]: readonly string[]): 0 | 1 {
  if (before === undefined || after === undefined || more.length > 0) {
    throw new InvalidArgumentError('--compare takes two files: --compare BEFORE.json AFTER.json');
  }
  const changes = compareReports(readReport(before), readReport(after));
  console.log(changesText(changes));
  return regressed(changes) ? 1 : 0;
}

function readReport(file: string): Report {
  try {
    return parseReport(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new InvalidArgumentError(`cannot read the report ${file}: ${(error as Error).message}`);
  }
}

await new Command('npm run bench --')
  .description('Measures the library and equivalent C++ in the same run, and compares them.')
  .option('--quick', 'few rounds: check that the benchmarks run, not how fast')
  .option(
    '--node <majors>',
    'also measure register access on these Node versions, such as 20,22,24',
    majors,
  )
  .option('--json <file>', 'write the results to this file (vfio.bench/1)')
  .option('--svg <directory>', 'draw the charts into this directory')
  .option('--compare <files...>', 'compare two such result files, without measuring')
  .action(async (options: Options, command: Command) => {
    try {
      process.exitCode = options.compare
        ? compare(options.compare)
        : await output(await measure(options), options);
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      command.error(`bench: ${error.message}`, { exitCode: 2 });
    }
  })
  .parseAsync();
