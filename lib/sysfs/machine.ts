// SPDX-License-Identifier: MIT
// The sysfs of this machine or of a test: where it lies, how to write to it, and how processes take turns.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { type Release, takeLock } from './locks.js';

/** Where sysfs lies, how to write to a file of it, and how processes take turns. */
export interface Sysfs {
  /** The prefix of `/sys`, `/proc`, `/dev` and `/run`. */
  root: string;
  write(path: string, value: string): Promise<void>;
  /** Waits for the turn of this process. Returns the function that ends it. Left out if nothing else can interfere. */
  lock?(name: string): Promise<Release>;
}

/** The sysfs of this machine. */
export const machine: Sysfs = { root: '', write: writeFile, lock: (name) => takeLock(name) };

/** Runs `work` while no other process or thread of this library runs work with the same name. */
export async function inTurn<T>(sysfs: Sysfs, name: string, work: () => Promise<T>): Promise<T> {
  const release = await sysfs.lock?.(name);
  try {
    return await work();
  } finally {
    release?.();
  }
}

/** Writes to an existing file with a single write, as sysfs requires. */
async function writeFile(path: string, value: string): Promise<void> {
  const file = await open(path, constants.O_WRONLY);
  try {
    await file.write(`${value}\n`);
  } finally {
    // The kernel has already acted on the write, so a failure to close means nothing.
    await file.close().catch(() => {});
  }
}
