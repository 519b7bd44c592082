// SPDX-License-Identifier: MIT
// Runs the VM tests inside the test machine: `node build/guest/test/harness/guest.js MACHINE
// [PATTERN]`. Opens what every test file shares, then is jest.
import { fileURLToPath } from 'node:url';
import { run } from 'jest';
import { openChannel } from './events.js';
import { guestJestArguments } from './guest-jest.js';
import { openShared } from './guest-shared.js';
import type { GuestMachine } from './guest-suite.js';
import { isSuspicious } from './kernel-log.js';
import { readKernelLog } from './kmsg.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** How long what tests leave running may take to end: several times what a busy machine takes. */
const GRACE_MS = 20_000;

async function main(machine: GuestMachine, pattern: string | undefined): Promise<void> {
  // An ordinary user was handed what is shared by guest-user.ts.
  if (process.getuid?.() === 0) openShared(root);
  await run(guestJestArguments(root, machine, 'reporter', pattern));
  for (const line of readKernelLog().filter(isSuspicious)) {
    fail(`the kernel logged, unannounced: ${line}`);
  }
  // Fires only where something else keeps this process alive.
  setTimeout(() => {
    fail(`something keeps the process alive: ${process.getActiveResourcesInfo().join(', ')}`);
    process.exit(1);
  }, GRACE_MS).unref();
}

function fail(reason: string): void {
  openChannel()({ event: 'broken', what: 'after the last test', reason });
}

void main(process.argv[2] as GuestMachine, process.argv[3]);
