// SPDX-License-Identifier: MIT
// Node's permission model (`--permission`), which keeps files and addons from a process.
import type { VfioError } from '../errors.js';
import { platformError } from './platform.js';

/** Whether Node itself refused a file, before the kernel was asked. */
export function isDenied(failure: unknown): boolean {
  return (failure as NodeJS.ErrnoException | undefined)?.code === 'ERR_ACCESS_DENIED';
}

/** Whether Node would refuse to read a file: some of what it refuses looks as if it were not there. */
export function mayNotRead(file: string): boolean {
  return process.permission?.has('fs.read', file) === false;
}

/** What Node refused; `file` where the failure does not say. */
export function deniedError(failure: unknown, file?: string): VfioError {
  const { permission, resource } = failure as { permission?: string; resource?: string };
  const writes = permission === 'FileSystemWrite';
  const what = `${writes ? 'write to' : 'read'} ${file ?? resource}`;
  return platformError(`Node's permission model does not let vfio ${what}`, hint, failure);
}

/** Addons are refused as a whole. */
export function addonsDeniedError(cause: unknown): VfioError {
  const message = "Node's permission model does not let the process load addons, and vfio is one";
  return platformError(message, hint, cause);
}

// node-gyp-build looks for /etc/alpine-release.
const hint = [
  'Start Node with more than --permission (Node 20: --experimental-permission):',
  '--allow-addons, and --allow-fs-read for the program with its node_modules, /etc/alpine-release, /sys, /proc and /dev',
  'for bindDevice and releaseDevice, --allow-fs-read=/run, --allow-fs-write=/sys and --allow-fs-write=/run as well',
].join('\n  ');
