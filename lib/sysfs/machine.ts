// SPDX-License-Identifier: MIT
// The sysfs of this machine, or of a test: where it is, how it is written, how processes take turns at that.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { type Release, takeLock } from './locks.js';

/** Where sysfs is, how a file of it is written, and how processes take turns at that. */
export interface Sysfs {
  /** Before `/sys`, `/proc`, `/dev` and `/run`. */
  root: string;
  write(path: string, value: string): Promise<void>;
  /** Waits for the turn of this process, and gives what ends it. Left out where nobody else is at work. */
  lock?(name: string): Promise<Release>;
}

/** The sysfs of this machine. */
export const machine: Sysfs = { root: '', write: writeFile, lock: (name) => takeLock(name) };

/** Does something while no other process of this library does the same. */
export async function inTurn<T>(sysfs: Sysfs, name: string, work: () => Promise<T>): Promise<T> {
  const release = await sysfs.lock?.(name);
  try {
    return await work();
  } finally {
    release?.();
  }
}

/** One write, as the kernel wants it, to a file that is there. */
async function writeFile(path: string, value: string): Promise<void> {
  const file = await open(path, constants.O_WRONLY);
  try {
    await file.write(`${value}\n`);
  } finally {
    // The kernel has acted on the write by now, so that its end decides nothing.
    await file.close().catch(() => {});
  }
}
