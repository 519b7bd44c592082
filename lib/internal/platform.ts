// SPDX-License-Identifier: MIT
// What the library needs beneath it: Linux, and Node.js itself.
import { VfioError } from '../errors.js';

/** VFIO and sysfs are parts of Linux. */
export function mustBeLinux(): void {
  if (process.platform === 'linux') return;
  const message = `VFIO is a part of Linux; this is ${process.platform}`;
  throw platformError(message, 'Run it on Linux.');
}

/** Runtimes that load addons made for Node, and then do not have all that this one calls. */
const imitators = [
  ['bun', 'Bun', 'it has no uv_poll_init, and panics when a device is opened'],
  ['deno', 'Deno', 'it crashes (SIGSEGV) at the first interrupt of a device'],
] as const;

/** The addon calls what only Node.js has. */
export function mustBeNode(): void {
  for (const [key, name, reason] of imitators) {
    const version = process.versions[key];
    if (version === undefined) continue;
    throw platformError(
      `The native code of vfio needs Node.js; this is ${name} ${version}: ${reason}`,
      'Run it with Node.js 20.19 or later.',
    );
  }
}

/** ERR_VFIO_PLATFORM: the native code cannot be loaded, or would be of no use. */
export function platformError(message: string, hint: string, cause?: unknown): VfioError {
  return new VfioError('ERR_VFIO_PLATFORM', message, { hint }, cause);
}
