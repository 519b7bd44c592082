// SPDX-License-Identifier: MIT
// Errors of Node's permission model (`--permission`), which refuses files and addons.
import type { VfioError } from '../errors.js';
import { platformError } from './platform.js';

/** Whether Node itself refused a file, before it asked the kernel. */
export function isDenied(failure: unknown): boolean {
  return (failure as NodeJS.ErrnoException | undefined)?.code === 'ERR_ACCESS_DENIED';
}

/** Whether Node would refuse to read a file. Some calls report such a file as missing. */
export function mayNotRead(file: string): boolean {
  return process.permission?.has('fs.read', file) === false;
}

/** The error for a file that Node refused. `file` is its name, in case the failure does not have it. */
export function deniedError(failure: unknown, file?: string): VfioError {
  const { permission, resource } = failure as { permission?: string; resource?: string };
  const writes = permission === 'FileSystemWrite';
  const what = `${writes ? 'write to' : 'read'} ${file ?? resource}`;
  return platformError(`Node's permission model does not let vfio ${what}`, hint, failure);
}

/** The error for an addon. Node allows all addons or none. */
export function addonsDeniedError(cause: unknown): VfioError {
  const message =
    "Node's permission model does not let this process load addons, and vfio is an addon";
  return platformError(message, hint, cause);
}

// node-gyp-build checks /etc/alpine-release to find out which C library is used.
const hint = [
  'Add these options to --permission (on Node 20: --experimental-permission):',
  '--allow-addons, and --allow-fs-read for the program with its node_modules, /etc/alpine-release, /sys, /proc and /dev',
  'for bindDevice and releaseDevice, also --allow-fs-read=/run, --allow-fs-write=/sys and --allow-fs-write=/run',
].join('\n  ');
