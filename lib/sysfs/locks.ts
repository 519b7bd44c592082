// SPDX-License-Identifier: MIT
// Locks between processes and threads: flock on a file below /run/lock. Each lock belongs to one open of the file. So
// the kernel releases it when the process or thread ends, and two calls in one process exclude each other too.
import { closeSync, constants, fstatSync, lstatSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { VfioError } from '../errors.js';
import { callNative } from '../internal/call.js';
import { loadNative } from '../internal/load-native.js';
import { orNothing } from './files.js';
import { findLocker, type Holder, nameHolder } from './holders.js';
import { makeFolder, runFailed } from './run-folder.js';

const folder = '/run/lock/vfio';
const RETRY_MS = 20;
const LIMIT_MS = 30_000;

/** Releases a lock. */
export type Release = () => void;

/** Waits for a lock. Returns the function that releases it. Rejects with ERR_VFIO_BUSY if the wait takes too long. */
export async function takeLock(
  name: string,
  root = '',
  limit: number = LIMIT_MS,
): Promise<Release> {
  const path = `${folder}/${name}.lock`;
  const deadline = performance.now() + limit;
  for (;;) {
    const fd = openLock(path, root);
    let isTaken = false;
    try {
      await waitFor(fd, path, root, deadline);
      isTaken = isStillAt(root + path, fd);
      if (isTaken) return () => closeSync(fd);
    } finally {
      if (!isTaken) closeSync(fd);
    }
  }
}

async function waitFor(fd: number, path: string, root: string, deadline: number): Promise<void> {
  while (!isMine(fd)) {
    if (performance.now() > deadline) throw tooLong(path, await lockerOf(fd, root));
    await sleep(RETRY_MS);
  }
}

/** The next process opens the file at the path. A lock on a file that was removed from there excludes no one. */
function isStillAt(path: string, fd: number): boolean {
  const there = orNothing(() => lstatSync(path));
  const { dev, ino } = fstatSync(fd);
  return there?.dev === dev && there.ino === ino;
}

function isMine(fd: number): boolean {
  const { tryLock } = loadNative();
  try {
    return callNative(() => tryLock(fd));
  } catch (failure) {
    // On a kernel without file locks, processes do not exclude each other. But each step of binding still checks the
    // device before it changes anything.
    if ((failure as VfioError).code === 'ENOSYS') return true;
    throw failure;
  }
}

function openLock(path: string, root: string): number {
  try {
    makeFolder(root + folder);
    // Node opens files close-on-exec, and closes the files that a worker left open when the worker ends.
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
    return openSync(root + path, flags, 0o600);
  } catch (failure) {
    throw runFailed(failure);
  }
}

async function lockerOf(fd: number, root: string): Promise<Holder | undefined> {
  return findLocker(fstatSync(fd), root).catch(() => undefined);
}

function tooLong(path: string, locker: Holder | undefined): VfioError {
  const holder = locker === undefined ? 'another process' : nameHolder(locker);
  const message = `${path} is locked by ${holder}, which is binding or releasing a device`;
  const hint =
    'Wait until it has finished, then try again. To release a device, the kernel waits until the device is closed.';
  return new VfioError('ERR_VFIO_BUSY', message, { path, hint });
}
