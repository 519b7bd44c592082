// SPDX-License-Identifier: MIT
// Opens the channel of the results, the kernel log and the way to the checkout, which only root can open. All tests in
// the machine share them.
import { chmodSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { CHANNEL_VARIABLE } from './events.js';
import { openKernelLog } from './kmsg.js';

/** Opens all three, once per run. The environment names the descriptors. */
export function openShared(root: string): void {
  const results = process.env.VFIO_VM_RESULTS;
  if (results !== undefined) process.env[CHANNEL_VARIABLE] = String(openSync(results, 'a'));
  openKernelLog();
  letOthersIn(root);
}

/**
 * Lets all users enter a directory and the directories above it. Tests run programs of the checkout as an ordinary
 * user, and the checkout may lie in a private home directory. This changes only the guest's view of the directories.
 */
function letOthersIn(directory: string): void {
  const { mode } = statSync(directory);
  if ((mode & 0o001) === 0) chmodSync(directory, (mode & 0o7777) | 0o001);
  if (directory !== '/') letOthersIn(dirname(directory));
}
