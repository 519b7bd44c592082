// SPDX-License-Identifier: MIT
// jest as a child process on the host: a crash of the addon ends it, not the process that reports.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { undoOnExit } from '../../vm/cleanup.js';
import { projectRoot } from '../../vm/paths.js';
import { CHANNEL_VARIABLE, parseEvent } from './events.js';
import type { Ending } from './recorder.js';
import type { Listener } from './suite.js';

const CHANNEL = 3;

/** Runs jest with these arguments; it is killed after `seconds`. */
export async function runJest(
  args: readonly string[],
  seconds: number,
  listener: Listener,
): Promise<Ending> {
  const child = spawn(
    process.execPath,
    [join(projectRoot, 'node_modules/jest/bin/jest.js'), ...args],
    {
      cwd: projectRoot,
      env: { ...process.env, [CHANNEL_VARIABLE]: String(CHANNEL) },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      // A group of its own, so that jest's workers end with it.
      detached: true,
    },
  );
  const kill = () => killGroup(child);
  const done = undoOnExit(kill);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    kill();
  }, seconds * 1000);
  const [, stdout, stderr, channel] = child.stdio as unknown as Readable[];
  stdout?.on('data', (chunk: Buffer) => listener.output(chunk.toString()));
  stderr?.on('data', (chunk: Buffer) => listener.output(chunk.toString()));
  createInterface({ input: channel as Readable }).on('line', (line) => {
    listener.event(parseEvent(line));
  });
  const [status, signal] = (await once(child, 'close')) as [number | null, string | null];
  clearTimeout(timer);
  done();
  const how = timedOut ? `killed after ${seconds} s` : describeEnd(status, signal);
  return { how, crashed: signal !== null || (status ?? 0) > 1, kernelLog: [] };
}

export function describeEnd(status: number | null, signal: string | null): string {
  return signal === null
    ? `its process ended with status ${status}`
    : `its process ended by ${signal}`;
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  process.kill(-child.pid, 'SIGKILL');
}
