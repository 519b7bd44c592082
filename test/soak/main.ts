// SPDX-License-Identifier: MIT
// `npm run soak`: repeats checks that take too long for the tests, in the test machine.
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { projectRoot } from '../../tools/paths.js';
import { VmError } from '../../vm/errors.js';
import { defaultKernel } from '../../vm/kernels.js';
import { runInVm } from '../../vm/machine.js';
import { compileForGuest } from '../harness/compile.js';
import { namePattern } from '../harness/name-pattern.js';
import { print, printOther } from '../harness/output.js';
import { progressText, soakTable } from './report.js';
import type { SoakLine } from './soak.js';

interface Options {
  readonly minutes: number;
  readonly full?: true;
  readonly kernel: string;
  readonly name?: RegExp;
}

/** Added to the requested time: each case has at least one round, and some rounds take minutes. */
const GRACE_SECONDS = 600;
/**
 * Added to the requested time with `--full`, when each case makes all promised rounds. The caller must end a run that
 * hangs.
 */
const FULL_GRACE_SECONDS = 3 * 3600;

const guestRoot = join(projectRoot, 'build/guest');

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 1440)) throw new InvalidArgumentError('not a number of minutes.');
  return value;
}

/** Returns the last line of each case, and why the guest stopped early, if it did. */
async function soak({
  minutes,
  full,
  kernel,
  name,
}: Options): Promise<[SoakLine[], string | undefined]> {
  await compileForGuest(projectRoot, guestRoot);
  const last = new Map<string, SoakLine>();
  const program = join(guestRoot, 'test/soak/guest.js');
  const seconds = minutes * 60;
  try {
    const { status, signal, briefKernelLog } = await runInVm({
      kernel,
      command: ['node', program, `${seconds}`, full ? 'full' : 'short', name?.source ?? ''],
      env: { VFIO_BINARY: join(projectRoot, 'build/Release/vfio.node') },
      time: seconds + (full ? FULL_GRACE_SECONDS : GRACE_SECONDS),
      stdout: process.stderr,
      stderr: process.stderr,
      onResult(text) {
        const line = JSON.parse(text) as SoakLine;
        last.set(line.name, line);
        print(progressText(line));
      },
    });
    const lines = [...last.values()];
    if (lines.some(({ failure }) => failure !== undefined)) printOther(briefKernelLog);
    if (status === 0) return [lines, undefined];
    return [lines, `the guest's program ended with ${status ?? signal}`];
  } catch (error) {
    if (!(error instanceof VmError)) throw error;
    printOther(error.kernelLog);
    return [[...last.values()], error.message];
  }
}

async function main(options: Options): Promise<0 | 1> {
  const [lines, broken] = await soak(options);
  print(soakTable(lines));
  const unfinished = lines.filter(({ ended }) => !ended).map(({ name }) => `unfinished: ${name}`);
  const nothing = lines.length === 0 ? ['no case ran'] : [];
  const complaints = [...(broken === undefined ? [] : [broken]), ...unfinished, ...nothing];
  for (const complaint of complaints) print(complaint);
  const failed = lines.some(({ failure }) => failure !== undefined);
  return failed || complaints.length > 0 ? 1 : 0;
}

await new Command('npm run soak --')
  .description('Long checks in the test machine. Each case gets its share of the time.')
  .option(
    '--minutes <number>',
    'how long to run, without the boot; each case has at least one round',
    positive,
    10,
  )
  .option('--full', 'each case runs until it has also made all its promised rounds')
  .option('--kernel <kernel>', 'distro, lab or the path of an image', defaultKernel())
  .option('--name <pattern>', 'only cases whose names match this expression', namePattern)
  .action(async (options: Options) => {
    process.exitCode = await main(options);
  })
  .parseAsync();
