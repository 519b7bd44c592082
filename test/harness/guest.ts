// SPDX-License-Identifier: MIT
// Runs the VM tests inside the test machine: `node build/guest/test/harness/guest.js [pattern]`. Opens
// what every test file shares, then is jest.
import { chmodSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from 'jest';
import { CHANNEL_VARIABLE, openChannel } from './events.js';
import { guestJestArguments } from './guest-jest.js';
import { isSuspicious } from './kernel-log.js';
import { openKernelLog, readKernelLog } from './kmsg.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What tests leave running has this long to end by itself. */
const GRACE_MS = 2000;

async function main(pattern: string | undefined): Promise<void> {
  const results = process.env.VFIO_VM_RESULTS;
  if (results !== undefined) process.env[CHANNEL_VARIABLE] = String(openSync(results, 'a'));
  openKernelLog();
  letOthersIn(root);
  await run(guestJestArguments(root, 'reporter', pattern));
  for (const line of readKernelLog().filter(isSuspicious)) {
    fail(`the kernel logged, unannounced: ${line}`);
  }
  // Fires only where something else keeps this process alive.
  setTimeout(() => {
    fail(`something keeps the process alive: ${process.getActiveResourcesInfo().join(', ')}`);
    process.exit(1);
  }, GRACE_MS).unref();
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

function fail(reason: string): void {
  openChannel()({ event: 'broken', what: 'after the last test', reason });
}

void main(process.argv[2]);
