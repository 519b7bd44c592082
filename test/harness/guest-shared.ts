// SPDX-License-Identifier: MIT
// Opens what the tests in the machine share and only root can open. That is the channel of their results, the kernel
// log, and the way to the checkout.
import { chmodSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { CHANNEL_VARIABLE } from './events.js';
import { openKernelLog } from './kmsg.js';

/** Opens them, once a run; the descriptors are named in the environment. */
export function openShared(root: string): void {
  const results = process.env.VFIO_VM_RESULTS;
  if (results !== undefined) process.env[CHANNEL_VARIABLE] = String(openSync(results, 'a'));
  openKernelLog();
  letOthersIn(root);
}

/**
 * Tests run programs of the checkout as an ordinary user, and it may lie in a home that is its owner's alone. Only
 * the guest's view of it is changed.
 */
function letOthersIn(directory: string): void {
  const { mode } = statSync(directory);
  if ((mode & 0o001) === 0) chmodSync(directory, (mode & 0o7777) | 0o001);
  if (directory !== '/') letOthersIn(dirname(directory));
}
