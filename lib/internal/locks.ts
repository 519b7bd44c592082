// SPDX-License-Identifier: MIT
// Locks that processes and threads take turns by: flock on a file below /run/lock. Such a lock belongs to one opening
// of the file, so that the end of the process or of the thread gives it back, and two calls in one process exclude
// each other too.
import { closeSync, constants, fstatSync, lstatSync, mkdirSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { VfioError } from '../errors.js';
import { type Holder, nameHolder } from '../hints.js';
import { loadNative } from '../native.js';
import { callNative } from './call.js';
import { lookFailed } from './files.js';
import { findLocker } from './holders.js';

const folder = '/run/lock/vfio';
const RETRY_MS = 20;
const LIMIT_MS = 30_000;

/** Gives a lock back. */
export type Release = () => void;

/** Waits for a lock, and gives what releases it. Rejects with ERR_VFIO_BUSY when it takes too long. */
export async function takeLock(
  name: string,
  root = '',
  limit: number = LIMIT_MS,
): Promise<Release> {
  const path = `${folder}/${name}.lock`;
  const deadline = performance.now() + limit;
  const fd = openLock(path, root);
  try {
    while (!isMine(fd)) {
      if (performance.now() > deadline) throw tooLong(path, await lockerOf(fd, root));
      await sleep(RETRY_MS);
    }
    return () => closeSync(fd);
  } catch (failure) {
    closeSync(fd);
    throw failure;
  }
}

function isMine(fd: number): boolean {
  const { tryLock } = loadNative();
  try {
    return callNative(() => tryLock(fd));
  } catch (failure) {
    // Nobody takes turns on a kernel without file locks: each step of binding still looks before it changes anything.
    if ((failure as VfioError).code === 'ENOSYS') return true;
    throw failure;
  }
}

function openLock(path: string, root: string): number {
  try {
    mkdirSync(root + folder, { recursive: true, mode: 0o755 });
    mustBeTrusted(root + folder);
    // Node opens close-on-exec, and closes what a worker leaves open when that ends.
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
    return openSync(root + path, flags, 0o600);
  } catch (failure) {
    throw lookFailed(failure);
  }
}

/** Everybody may make folders in /run/lock: one of another user is no place for locks of root's. */
function mustBeTrusted(path: string): void {
  const stat = lstatSync(path);
  const fault = faultOf(stat.isDirectory(), stat.uid, stat.mode);
  if (fault === undefined) return;
  const message = `${path}, where the locks for binding are, ${fault}`;
  const hint = `It has to be a directory that root alone can change. As root: rm -r ${path}`;
  throw new VfioError('ERR_VFIO_BUSY', message, { path, hint });
}

function faultOf(isDirectory: boolean, uid: number, mode: number): string | undefined {
  if (!isDirectory) return 'is not a directory';
  if (uid !== 0 && uid !== process.geteuid?.()) return `belongs to user ${uid}`;
  return (mode & 0o022) === 0 ? undefined : 'can be changed by other users';
}

async function lockerOf(fd: number, root: string): Promise<Holder | undefined> {
  return findLocker(fstatSync(fd), root).catch(() => undefined);
}

function tooLong(path: string, locker: Holder | undefined): VfioError {
  const holder = locker === undefined ? 'another process' : nameHolder(locker);
  const message = `${path} is locked by ${holder}, which is binding a device or giving one back`;
  const hint = 'Wait until it is done. The kernel lets go of a device only when it is closed.';
  return new VfioError('ERR_VFIO_BUSY', message, { path, hint });
}
