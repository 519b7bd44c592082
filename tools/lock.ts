// SPDX-License-Identifier: MIT
// A lock between runs, held with flock(1), as the set-up does too. The kernel releases it when its process ends, so no
// stale lock remains.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { undoOnExit } from './cleanup.js';
import { findProgram } from './paths.js';

/**
 * Calls `use` while this run holds the lock on the file `path`, which it creates if necessary. If another run holds the
 * lock, it calls `waits` once and waits. Without the program flock, there is no lock and no waiting.
 */
export async function withLock<T>(
  path: string,
  waits: () => void,
  use: () => Promise<T>,
): Promise<T> {
  mkdirSync(dirname(path), { recursive: true });
  // The descriptor is close-on-exec: a program that `use` starts cannot keep the lock after this process has ended.
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
  if (status !== 0) throw new Error(`flock failed to lock: it ended with ${status}`);
}

/** The lock belongs to the open file description. The child shares it, so this process has the lock once it ends. */
async function runFlock(flock: string, options: readonly string[], fd: number): Promise<unknown> {
  const child = spawn(flock, [...options, '3'], { stdio: ['ignore', 'ignore', 'inherit', fd] });
  const done = undoOnExit(() => void child.kill());
  const [status, signal] = await once(child, 'close');
  done();
  return status ?? signal;
}
