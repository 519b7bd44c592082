// SPDX-License-Identifier: MIT
// `npm run bench:nvme`: what a command of the NVMe driver costs, beside a C++ driver that does the same.
import { Command } from 'commander';
import { clearProgress, progress } from '../tools/progress.js';
import { nvmeCommands } from './cases/nvme.js';
import { commit, conditions } from './conditions.js';
import { full, quick } from './host.js';
import { type OutputOptions, output } from './output.js';
import { findProcessors, pinThread } from './processors.js';
import type { Report } from './report.js';
import { judge } from './targets.js';

interface Options extends OutputOptions {
  readonly quick?: boolean;
}

async function measure({ quick: isQuick = false }: Options): Promise<Report> {
  const machine = conditions('memory');
  const pinned = pinThread(findProcessors());
  progress('bench: measuring NVMe commands …');
  const results = await nvmeCommands((isQuick ? quick : full).access);
  clearProgress();
  return {
    schema: 'vfio.bench/1',
    machine: { ...machine, pinned },
    commit: commit(),
    quick: isQuick,
    results: judge(results, 'memory'),
  };
}

await new Command('npm run bench:nvme --')
  .description(
    'Measures commands of the NVMe driver beside equivalent C++, on a controller of memory.',
  )
  .option('--quick', 'few rounds: check that the benchmarks run, not how fast')
  .option('--json <file>', 'write the results to this file (vfio.bench/1)')
  .action(async (options: Options) => {
    process.exitCode = await output(await measure(options), options);
  })
  .parseAsync();
