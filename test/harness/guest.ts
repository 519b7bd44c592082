// SPDX-License-Identifier: MIT
// Runs the device tests inside the test machine: `node build/guest/test/harness/guest.js MACHINE [PATTERN]`. It opens
// everything that the test files share, and then runs jest.
import { fileURLToPath } from 'node:url';
import { run } from 'jest';
import { openChannel } from './events.js';
import { guestJestArguments } from './guest-jest.js';
import { openShared } from './guest-shared.js';
import type { GuestMachine } from './guest-suite.js';
import { isSuspicious } from './kernel-log.js';
import { readKernelLog } from './kmsg.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** After the last test, everything that still runs must end within this time. */
const GRACE_MS = 20_000;

async function main(machine: GuestMachine, pattern: string | undefined): Promise<void> {
  // An ordinary user inherits the shared descriptors from guest-user.ts.
  if (process.getuid?.() === 0) openShared(root);
  await run(guestJestArguments(root, machine, 'reporter', pattern));
  for (const line of readKernelLog().filter(isSuspicious)) {
    fail(`the kernel logged a line that no test announced: ${line}`);
  }
  // This timer fires only if something else keeps the process alive.
  setTimeout(() => {
    fail(
      `the process does not end by itself: ${process.getActiveResourcesInfo().join(', ')} still active`,
    );
    process.exit(1);
  }, GRACE_MS).unref();
}

function fail(reason: string): void {
  openChannel()({ event: 'broken', what: 'after the last test', reason });
}

void main(process.argv[2] as GuestMachine, process.argv[3]);
