// SPDX-License-Identifier: MIT
// Checks that the library runs on Linux and on Node.js itself.
import { VfioError } from '../errors.js';

/** Throws on other systems than Linux, because VFIO and sysfs are parts of Linux. */
export function mustBeLinux(): void {
  if (process.platform === 'linux') return;
  const message = `vfio needs Linux, because VFIO is a part of Linux; this system is ${process.platform}`;
  throw platformError(message, 'Run the program on Linux.');
}

/** Runtimes that load addons made for Node, but do not have all the functions that this addon calls. */
const imitators = [
  ['bun', 'Bun', 'it has no uv_poll_init, and panics when a device is opened'],
  ['deno', 'Deno', 'it crashes (SIGSEGV) at the first interrupt of a device'],
] as const;

/** Throws on other runtimes than Node.js, because the addon calls functions that only Node.js has. */
export function mustBeNode(): void {
  for (const [key, name, reason] of imitators) {
    const version = process.versions[key];
    if (version === undefined) continue;
    throw platformError(
      `The native code of vfio needs Node.js; this is ${name} ${version}: ${reason}`,
      'Run the program with Node.js 20.19 or newer.',
    );
  }
}

/** ERR_VFIO_PLATFORM: the native code cannot be loaded, or it would not work here. */
export function platformError(message: string, hint: string, cause?: unknown): VfioError {
  return new VfioError('ERR_VFIO_PLATFORM', message, { hint }, cause);
}
