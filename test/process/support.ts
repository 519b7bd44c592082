// SPDX-License-Identifier: MIT
// Runs programs in processes of their own, for tests of how they end. The programs use dist/lib, which `npm run build`
// makes, and the developer binary.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, jest } from '@jest/globals';
import { patience } from '../support/patience.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Ends a program that loops. It is processor time, so a busy machine does not matter. The longest takes 20 s. */
const LIMIT_CPU_SECONDS = 200 * patience;
/** Ends a program that waits and never ends. */
const LIMIT_MS = 400_000 * patience;
/** Empty under a sanitizer: the library that it preloads into every program makes the shell die of SIGSEGV. */
const limited = process.env.LD_PRELOAD
  ? []
  : ['sh', '-c', `ulimit -St ${LIMIT_CPU_SECONDS} && exec "$@"`, 'sh'];
/** The command that runs the programs, such as valgrind. */
const wrapper = (process.env.VFIO_TEST_WRAPPER ?? '').split(' ').filter((word) => word !== '');
jest.setTimeout(2 * LIMIT_MS);

const prelude = `
  import { spawnSync } from 'node:child_process';
  import * as fs from 'node:fs';
  import * as program from './test/process/program.mjs';
  const { address, mate, specs, useMachine, openDevice, adopt, Container, startWorker } = program;
  const { until, once, sleep, counts, isFree, ended, syscalls } = program;
  const machine = useMachine(...specs);
  const hardware = machine.device(address);
`;

/** Opens every kind of object of a device, with interrupts armed. */
export const everythingOpen = `
  const container = await Container.open();
  const group = await container.openGroup(1);
  const device = await group.openDevice(address);
  device.busMaster = true;
  const set = device.enableInterrupts('msix', { count: 4 });
  const buffer = device.allocDma(2 ** 21);
  buffer.u32[0] = device.bar(0).read32(0) + device.bar(1).read32(0);
`;

/** The environment of a user: without the developer binary, and with no choice of another binary. */
export const product = { VFIO_BINARY: undefined, VFIO_PREBUILD: undefined, LIBC: undefined };

/** The end of a program that succeeded. */
export const ended = { status: 0, signal: null, stderr: '' };

export interface Ended {
  status: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

/** Runs a program that imports everything it needs itself. */
export async function runSource(
  source: string,
  flags: string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<Ended> {
  const node = [process.execPath, ...flags, '--input-type=module', '--eval', source];
  const [program = '', ...args] = [...limited, ...wrapper, ...node];
  const child = spawn(program, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  const [stdout, stderr, [status, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { status, signal, stdout: stdout.trim(), stderr };
}

/**
 * Runs a program on a machine whose devices are memory. The program has `machine`, its device as `hardware`, and the
 * helpers of program.mjs.
 */
export function run(body: string, ...flags: string[]): Promise<Ended> {
  return runSource(`${prelude}${body}`, flags);
}

/** Like {@link run}, for a program that must succeed. Returns its output. */
export async function outputOf(body: string, ...flags: string[]): Promise<string> {
  const { stdout, ...rest } = await run(body, ...flags);
  expect(rest).toEqual(ended);
  return stdout;
}
