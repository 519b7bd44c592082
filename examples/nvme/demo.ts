// SPDX-License-Identifier: MIT
// `npm run demo`: writes 64 MiB to an NVMe controller in the test machine and reads them back. This part runs on the
// host: it boots the machine, where one process writes and another reads, then compares and prints what they did.
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { undoOnExit } from '../../tools/cleanup.js';
import { clearProgress, progress } from '../../tools/progress.js';
import { VmError } from '../../vm/errors.js';
import { defaultKernel } from '../../vm/kernels.js';
import { runInVm } from '../../vm/machine.js';
import { DEMO_BYTES } from './demo-data.js';
import { type DemoProgress, type DemoStep, differ, summary } from './demo-report.js';

interface Options {
  disk?: string;
  seed: number;
  kernel: string;
  pauseBeforeRead: boolean;
}

const KERNEL_LOG_LINES = 25;
/** On a terminal, after this long without a word something is said. */
const QUIET_MS = 500;
const DIFFERS = 'what was read is not what was written';

/** The demo did not do what it should; the message says what. */
class DemoError extends Error {}

async function main(): Promise<void> {
  const options = parseArguments();
  const start = performance.now();
  const steps = options.pauseBeforeRead ? await runWithPause(options) : await runAtOnce(options);
  compare(steps);
  for (const line of summary(steps)) console.log(line);
  console.log(`total ${((performance.now() - start) / 1000).toFixed(1)} s with the machine's boot`);
}

function parseArguments(): Options {
  const command = new Command('demo')
    .description('Writes 64 MiB to an NVMe controller over VFIO and reads them back.')
    .option(
      '--disk <file>',
      'raw image for the disk, its first 64 MiB are overwritten (made where missing)',
      diskImage,
    )
    .option('--seed <n>', 'what the data is made from', wholeNumber, 1)
    .option('--kernel <name>', 'lab, distro, or the path of a kernel image', defaultKernel())
    .option('--pause-before-read', 'end the machine after writing and wait for Enter', false)
    .allowExcessArguments(false)
    .showHelpAfterError()
    .exitOverride();
  return command.parse().opts();
}

/** Nothing but an image: a block device would be overwritten. */
function diskImage(path: string): string {
  if (!existsSync(dirname(path))) throw new InvalidArgumentError('its directory is not there.');
  const found = statSync(path, { throwIfNoEntry: false });
  if (found !== undefined && !found.isFile()) {
    throw new InvalidArgumentError('not a regular file.');
  }
  if (found !== undefined && found.size > 0 && found.size < DEMO_BYTES) {
    throw new InvalidArgumentError(`smaller than the ${DEMO_BYTES} bytes of the demo.`);
  }
  return path;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError('not a whole number.');
  }
  return value;
}

function runAtOnce(options: Options): Promise<DemoStep[]> {
  // Two processes: nothing of the first is in the memory of the second.
  const script = `${nodeCommand('write', options)} && ${nodeCommand('read', options)}`;
  return runScript(script, options.disk, options.kernel);
}

/** Two boots, with the disk at rest between them. */
async function runWithPause(options: Options): Promise<DemoStep[]> {
  const disk = options.disk ?? temporaryDisk();
  const written = await runScript(nodeCommand('write', options), disk, options.kernel);
  await pause(disk);
  return runScript(nodeCommand('read', options), disk, options.kernel, written);
}

/** One with a name, to be looked at in the pause; it goes with this process. */
function temporaryDisk(): string {
  const directory = mkdtempSync(join(tmpdir(), 'vfio-demo-'));
  undoOnExit(() => rmSync(directory, { recursive: true }));
  return join(directory, 'disk.img');
}

function nodeCommand(step: DemoStep['step'], options: Options): string {
  const script = fileURLToPath(new URL(`demo-${step}.js`, import.meta.url));
  return `node '${script.replaceAll("'", "'\\''")}' --seed ${options.seed}`;
}

/** Runs it in the machine; gives what was reported, after what was `before`. */
async function runScript(
  script: string,
  disk: string | undefined,
  kernel: string,
  before: readonly DemoStep[] = [],
): Promise<DemoStep[]> {
  const steps = [...before];
  const booting = setTimeout(progress, QUIET_MS, 'booting the test machine');
  const result = await runInVm({
    kernel,
    command: ['sh', '-c', script],
    ...(disk === undefined ? {} : { disk }),
    stdout: clearingProgress(process.stdout),
    stderr: clearingProgress(process.stderr),
    onResult: (line) => {
      const told = JSON.parse(line) as DemoStep | DemoProgress;
      if ('step' in told) steps.push(told);
      else showProgress(told);
    },
  }).finally(() => clearTimeout(booting));
  clearProgress();
  if (result.status === 0) return steps;
  // The reading process fails when its data is wrong; after any other failure the kernel may know more.
  if (differ(steps)) throw new DemoError(DIFFERS);
  process.stderr.write(lastLines(result.kernelLog));
  throw new DemoError(`the driver ended with ${result.status ?? result.signal}`);
}

/** What a boot says before is of no interest here. */
function lastLines(log: string): string {
  return log.split('\n').slice(-KERNEL_LOG_LINES).join('\n');
}

function showProgress({ doing, done, total }: DemoProgress): void {
  progress(`${doing} ${done / 2 ** 20} of ${total / 2 ** 20} MiB`);
}

/** Writes to a stream that shares its terminal with the progress line. */
function clearingProgress(to: Writable): Writable {
  return new Writable({
    write(chunk, _encoding, done) {
      clearProgress();
      to.write(chunk, done);
    },
  });
}

async function pause(disk: string): Promise<void> {
  console.log(`paused: the machine is off, the data is the first ${DEMO_BYTES} bytes of ${disk}`);
  console.log('press Enter to read it back');
  const lines = createInterface({ input: process.stdin });
  // The end of the input goes on, too: it is what a script without a terminal gives.
  await new Promise<void>((resolve) => lines.once('line', resolve).once('close', resolve));
  lines.close();
}

function compare(steps: readonly DemoStep[]): void {
  const [written, read] = steps;
  if (written?.step !== 'write' || read?.step !== 'read') {
    throw new DemoError('the processes did not report what they did');
  }
  if (differ(steps)) throw new DemoError(DIFFERS);
  if (written.interrupts === 0 || read.interrupts === 0) {
    throw new DemoError('no interrupt arrived');
  }
}

try {
  await main();
} catch (error) {
  clearProgress();
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else if (error instanceof DemoError || error instanceof VmError) {
    if (error instanceof VmError) process.stderr.write(lastLines(error.kernelLog));
    process.stderr.write(`demo: ${error.message}\n`);
    process.exitCode = 1;
  } else if (error instanceof Error && 'syscall' in error) {
    process.stderr.write(`demo: ${error.message}\n`);
    process.exitCode = 1;
  } else {
    throw error;
  }
}
