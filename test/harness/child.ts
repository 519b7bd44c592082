// SPDX-License-Identifier: MIT
// Runs a suite in a child process on the host. A crash of native code ends that process, not the one that reports.
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

/** Far more than any suite takes: ends what hangs where no test's own time-out can. */
export const SUITE_LIMIT_SECONDS = 3600;

const STDOUT = 1;
const CHANNEL = 3;

/** What a suite's process has in its environment beside ours. */
export type Environment = Readonly<Record<string, string>>;

/** Runs jest with these arguments, on another Node than this one if need be. */
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

/** Runs a program that reports on its standard output, a line at a time. */
export function runReporting(
  command: readonly string[],
  output: Listener['output'],
  report: (line: string) => void,
  env: Environment = {},
): Promise<Ending> {
  return runChild(command, env, output, STDOUT, report);
}

/** Passes the lines of one descriptor to `report` and all else to `output`. */
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
    // A group of its own, so that jest's workers end with it.
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
  return timedOut ? { ...ending, how: `killed after ${limit} s` } : ending;
}

/** Test programs end with 0 or 1. */
export function describeEnd(status: number | null, signal: string | null): Ending {
  const how =
    signal === null ? `its process ended with status ${status}` : `its process ended by ${signal}`;
  return { how, crashed: signal !== null || (status ?? 0) > 1, kernelLog: [] };
}

/** Ends a detached child and what it started. */
export function killGroup(child: ChildProcess): void {
  signalGroup(child, 'SIGKILL');
}

/** Signals a detached child and what it started, while it runs. */
export function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  process.kill(-child.pid, signal);
}
