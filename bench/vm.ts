// SPDX-License-Identifier: MIT
// `npm run bench:vm`: measures the registers of real devices and the kernel's ioctls, in the test machine. Emulation
// makes an access cost microseconds there, so the ratios mean something, but the times do not.
import { Command } from 'commander';
import { clearProgress, progress } from '../tools/progress.js';
import { defaultKernel, kernelNames } from '../vm/kernels.js';
import { runInVm } from '../vm/machine.js';
import { commit } from './conditions.js';
import type { GuestLine } from './guest.js';
import { type OutputOptions, output } from './output.js';
import type { Report } from './report.js';
import { judge } from './targets.js';

interface Options extends OutputOptions {
  readonly kernel: string;
  readonly quick?: boolean;
}

const LIMIT_SECONDS = 600;

async function measure({ kernel, quick = false }: Options): Promise<Report> {
  const lines: GuestLine[] = [];
  const { status } = await runInVm({
    kernel,
    command: ['node', 'dist/bench/guest.js', ...(quick ? ['--quick'] : [])],
    time: LIMIT_SECONDS,
    stdout: process.stderr,
    stderr: process.stderr,
    onResult(line) {
      lines.push(JSON.parse(line));
      progress(`bench: measured ${lines.length} of 4 parts, about two minutes in total …`);
    },
  });
  clearProgress();
  const [first] = lines;
  if (status !== 0 || first === undefined) {
    throw new Error(
      `the measurements in the test machine failed: they ended with status ${status}`,
    );
  }
  const results = lines.flatMap(({ results }) => results);
  const { machine } = first;
  return {
    schema: 'vfio.bench/1',
    machine,
    commit: commit(),
    quick,
    results: judge(results, machine.backend),
  };
}

await new Command('npm run bench:vm --')
  .description('Measures registers of real devices and real ioctls, in the test machine.')
  .option(
    '--kernel <kernel>',
    `boot this kernel: ${kernelNames.join(', ')} or the path of an image`,
    defaultKernel(),
  )
  .option('--quick', 'few rounds: check that the benchmarks run, not how fast')
  .option('--json <file>', 'write the results to this file (vfio.bench/1)')
  .action(async (options: Options) => {
    process.exitCode = await output(await measure(options), options);
  })
  .parseAsync();
