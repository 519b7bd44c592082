// SPDX-License-Identifier: MIT
// npm run vm: runs a command in the test machine.
import { constants } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { VmError } from './errors.js';
import { runInVm } from './machine.js';

interface Options {
  kernel: string;
  qemu: string[];
  user?: number;
  time?: number;
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('not a whole number.');
  return Number(text);
}

async function run(command: string[], options: Options): Promise<number> {
  const result = await runInVm({
    kernel: options.kernel,
    command,
    qemuArguments: options.qemu,
    ...(options.user === undefined ? {} : { user: options.user }),
    ...(options.time === undefined ? {} : { time: options.time }),
    stdout: process.stdout,
    stderr: process.stderr,
  });
  const status = result.status ?? 128 + constants.signals[result.signal ?? 'SIGKILL'];
  if (status !== 0) process.stderr.write(result.kernelLog);
  return status;
}

new Command('vm')
  .option('--kernel <name>', 'lab, distro, or the path of a kernel image', 'lab')
  .option('--user <uid>', '', wholeNumber)
  .option('--time <seconds>', '', wholeNumber)
  .option('--qemu <arguments>', '', (t) => t.split(' '), [])
  .argument('<command...>')
  .action(async (command: string[], options: Options) => {
    try {
      process.exitCode = await run(command, options);
    } catch (error) {
      if (!(error instanceof VmError)) throw error;
      process.stderr.write(`${error.kernelLog}vm: ${error.message}\n`);
      process.exitCode = 125;
    }
  })
  .parseAsync();
