// SPDX-License-Identifier: MIT
// Lets runs take turns by flock, as setup does. The kernel releases such a lock when its process ends, so none is
// ever left behind.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { undoOnExit } from './cleanup.js';
import { findProgram } from './paths.js';

/**
 * Calls `use` while no other run has the lock, a file that is made where it is missing. `waits` is called once when
 * another has it. Where there is no flock, nobody waits.
 */
export async function withLock<T>(
  path: string,
  waits: () => void,
  use: () => Promise<T>,
): Promise<T> {
  mkdirSync(dirname(path), { recursive: true });
  // Close-on-exec: no program that `use` starts outlives us with the lock.
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    await take(fd, waits);
    return await use();
  } finally {
    closeSync(fd);
  }
}

async function take(fd: number, waits: () => void): Promise<void> {
  const flock = findProgram('flock');
  if (flock === undefined || (await runFlock(flock, ['--nonblock'], fd)) === 0) return;
  waits();
  const status = await runFlock(flock, [], fd);
  if (status !== 0) throw new Error(`flock ended with ${status}`);
}

/** A lock belongs to the opening of the file, which the child shares: we have it when the child has ended. */
async function runFlock(flock: string, options: readonly string[], fd: number): Promise<unknown> {
  const child = spawn(flock, [...options, '3'], { stdio: ['ignore', 'ignore', 'inherit', fd] });
  const done = undoOnExit(() => void child.kill());
  const [status, signal] = await once(child, 'close');
  done();
  return status ?? signal;
}
