// SPDX-License-Identifier: MIT
// `npm run bench:vm`: measures real devices' registers and the kernel's ioctls, in the test machine. Its emulation
// makes an access cost microseconds: the ratios say something, the times do not.
import { Command } from 'commander';
import { clearProgress, progress } from '../tools/progress.js';
import { defaultKernel } from '../vm/kernels.js';
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
      progress(`bench: ${lines.length} of 4 parts measured, about two minutes in all …`);
    },
  });
  clearProgress();
  const [first] = lines;
  if (status !== 0 || first === undefined) throw new Error(`measuring ended with ${status}`);
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
  .description("Measures on real devices' registers and with real ioctls, in the test machine.")
  .option('--kernel <kernel>', 'distro, lab or the path of an image', defaultKernel())
  .option('--quick', 'few rounds: whether it runs, not how fast')
  .option('--json <file>', 'write the results there (vfio.bench/1)')
  .action(async (options: Options) => {
    process.exitCode = await output(await measure(options), options);
  })
  .parseAsync();
