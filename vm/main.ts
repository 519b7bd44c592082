// SPDX-License-Identifier: MIT
// `npm run vm`: runs a command in the test machine.
import { constants } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { clearProgress } from '../tools/progress.js';
import { callersFolder } from './caller.js';
import { VmError } from './errors.js';
import { decodeBuffer, type ProgramBuffer, reportingBuffers } from './iommu/buffers.js';
import { reportFaults } from './iommu/report.js';
import { defaultKernel, kernelNames } from './kernels.js';
import { runInVm } from './machine.js';
import { splitArguments } from './split-arguments.js';

/** The exit status if the machine failed, and not the command in it. */
const MACHINE_FAILED = 125;

interface Options {
  readonly kernel: string;
  readonly qemu: string[];
  readonly user?: number;
  readonly iommu: boolean;
  readonly time?: number;
}

/** Of the programs in the guest, the oldest first. */
const buffers: ProgramBuffer[] = [];

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Write a whole number.');
  return Number(text);
}

function qemuArguments(text: string, before: string[]): string[] {
  try {
    return [...before, ...splitArguments(text)];
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

async function run(command: string[], { qemu, ...options }: Options): Promise<number> {
  const result = await runInVm({
    ...options,
    command,
    env: reportingBuffers,
    onResult: (line) => {
      const buffer = decodeBuffer(line);
      if (buffer !== undefined) buffers.push(buffer);
    },
    cwd: callersFolder(),
    qemuArguments: qemu,
    stdout: process.stdout,
    stderr: process.stderr,
  });
  const status = result.status ?? 128 + constants.signals[result.signal ?? 'SIGKILL'];
  if (status !== 0) printLog(result.briefKernelLog);
  printFaults(result.briefKernelLog);
  return status;
}

function printLog(log: string): void {
  if (log !== '') process.stderr.write(`-- kernel log of the guest --\n${log}`);
}

function printFaults(log: string): void {
  process.stderr.write(reportFaults(log, buffers));
}

async function main(command: string[], options: Options): Promise<void> {
  try {
    process.exitCode = await run(command, options);
  } catch (error) {
    if (!(error instanceof VmError)) throw error;
    clearProgress();
    printLog(error.kernelLog);
    printFaults(error.kernelLog);
    process.stderr.write(`vm: ${error.message}\n`);
    process.exitCode = MACHINE_FAILED;
  }
}

// The program that reads the output may stop reading (`| head`). That is not an error.
process.stdout.on('error', () => process.exit(128 + constants.signals.SIGPIPE));

await new Command('npm run vm --')
  .description(
    'Boots the test machine, runs a command in it, and ends with the status of the command.',
  )
  .usage('[options] -- COMMAND...')
  .argument('<command...>')
  .option(
    '--kernel <kernel>',
    `boot this kernel: ${kernelNames.join(', ')} or the path of an image`,
    defaultKernel(),
  )
  .option(
    '--qemu <arguments>',
    "more arguments for QEMU, such as '-device pci-testdev'",
    qemuArguments,
    [],
  )
  .option('--user <uid>', 'run the command as this user ID, without capabilities', wholeNumber)
  .option('--no-iommu', 'boot with the IOMMU off')
  .option('--time <seconds>', 'kill the guest if the command takes longer', wholeNumber)
  .addHelpText(
    'after',
    `\nStatus ${MACHINE_FAILED} means that the machine failed, not the command.`,
  )
  .passThroughOptions()
  .action(main)
  .parseAsync();
