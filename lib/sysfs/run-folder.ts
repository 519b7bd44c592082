// SPDX-License-Identifier: MIT
// The directories below /run for locks and for records of bindings. Only root may change them, because root writes
// their contents to sysfs.
import { lstatSync, mkdirSync } from 'node:fs';
import { VfioError } from '../errors.js';
import { lookFailed, orNothing } from './files.js';

/** Creates the directory if it does not exist. Throws if it is not safe for root's files. */
export function makeFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o755 });
  mustBeTrusted(path);
}

/** Throws if another user owns the directory or can change it. Any user can create directories in /run/lock. */
export function mustBeTrusted(path: string): void {
  const fault = faultOf(path);
  if (fault === undefined) return;
  const message = `${path}, where binding keeps its files, ${fault}`;
  const hint = `It must be a directory that only root can change. Inspect it, then remove it. As root: rm -r ${path}`;
  throw new VfioError('ERR_VFIO_BUSY', message, { path, hint });
}

function faultOf(path: string): string | undefined {
  const stat = orNothing(() => lstatSync(path));
  if (stat === undefined) return undefined;
  if (!stat.isDirectory()) return 'is not a directory';
  if (stat.uid !== 0 && stat.uid !== process.geteuid?.()) return `belongs to user ${stat.uid}`;
  return (stat.mode & 0o022) === 0 ? undefined : 'can be changed by other users';
}

/** The error for a file below /run that could not be created, opened or written. */
export function runFailed(failure: unknown): unknown {
  const isReadOnly = (failure as NodeJS.ErrnoException).code === 'EROFS';
  return lookFailed(failure, isReadOnly ? readOnly : undefined);
}

const readOnly = [
  'Binding writes to /run/lock/vfio and /run/vfio. A systemd unit with ProtectSystem=strict needs these lines:',
  'RuntimeDirectory=vfio lock/vfio',
  'RuntimeDirectoryPreserve=yes',
].join('\n  ');
