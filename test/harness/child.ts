// SPDX-License-Identifier: MIT
// Runs a suite in a child process on the host. A crash of native code then ends only that process, and this one
// reports it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { undoOnExit } from '../../tools/cleanup.js';
import { projectRoot } from '../../tools/paths.js';
import { CHANNEL_VARIABLE, parseEvent } from './events.js';
import type { Ending } from './recorder.js';
import type { Listener } from './suite.js';

/** Far more than any suite takes. It ends a suite that hangs where the time limit of a test does not help. */
export const SUITE_LIMIT_SECONDS = 3600;

const STDOUT = 1;
const CHANNEL = 3;

/** Variables to add to this process's environment for the process of a suite. */
export type Environment = Readonly<Record<string, string>>;

/** Runs jest with these arguments, on this Node by default. */
export function runJest(
  args: readonly string[],
  listener: Listener,
  env: Environment = {},
  node: string = process.execPath,
): Promise<Ending> {
  const jest = join(projectRoot, 'node_modules/jest/bin/jest.js');
  const command = [node, jest, ...args];
  const report = (line: string) => listener.event(parseEvent(line));
  return runChild(command, env, listener.output, CHANNEL, report);
}

/** Runs a program that reports on its standard output. Calls `report` for each line. */
export function runReporting(
  command: readonly string[],
  output: Listener['output'],
  report: (line: string) => void,
  env: Environment = {},
): Promise<Ending> {
  return runChild(command, env, output, STDOUT, report);
}

/** Passes the lines of one descriptor to `report`, and all other output to `output`. */
async function runChild(
  [program = '', ...args]: readonly string[],
  env: Environment,
  output: Listener['output'],
  reporting: typeof STDOUT | typeof CHANNEL,
  report: (line: string) => void,
): Promise<Ending> {
  const child = spawn(program, args, {
    cwd: projectRoot,
    env: { ...process.env, [CHANNEL_VARIABLE]: String(CHANNEL), ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    // It gets a process group of its own, so that jest's workers can be ended with it.
    detached: true,
  });
  const done = undoOnExit(() => killGroup(child));
  const limit = SUITE_LIMIT_SECONDS * Number(env.VFIO_TEST_PATIENCE ?? 1);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup(child);
  }, limit * 1000);
  for (const fd of [STDOUT, 2, CHANNEL]) {
    const stream = child.stdio[fd] as Readable;
    if (fd === reporting) createInterface({ input: stream }).on('line', report);
    else stream.on('data', (chunk: Buffer) => output(chunk.toString()));
  }
  const [status, signal] = (await once(child, 'close')) as [number | null, string | null];
  clearTimeout(timer);
  done();
  const ending = describeEnd(status, signal);
  return timedOut ? { ...ending, how: `it did not end within ${limit} s and was killed` } : ending;
}

/** Describes how a process ended. Test programs end with status 0 or 1, so anything else is a crash. */
export function describeEnd(status: number | null, signal: string | null): Ending {
  const how =
    signal === null
      ? `its process ended with status ${status}`
      : `its process was ended by ${signal}`;
  return { how, crashed: signal !== null || (status ?? 0) > 1, kernelLog: [] };
}

/** Kills a detached child and the processes that it started. */
export function killGroup(child: ChildProcess): void {
  signalGroup(child, 'SIGKILL');
}

/** Sends a signal to a detached child and the processes that it started, if it still runs. */
export function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  process.kill(-child.pid, signal);
}
