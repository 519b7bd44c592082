// SPDX-License-Identifier: MIT
// Runs the VM tests inside the test machine: `node build/guest/test/harness/guest.js [pattern]`. Opens
// what every test file shares, then is jest.
import { openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { run } from 'jest';
import { CHANNEL_VARIABLE, openChannel } from './events.js';
import { guestJestArguments } from './guest-jest.js';
import { isSuspicious } from './kernel-log.js';
import { openKernelLog, readKernelLog } from './kmsg.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

async function main(pattern: string | undefined): Promise<void> {
  const results = process.env.VFIO_VM_RESULTS;
  if (results !== undefined) process.env[CHANNEL_VARIABLE] = String(openSync(results, 'a'));
  openKernelLog();
  await run(guestJestArguments(root, 'reporter', pattern));
  for (const line of readKernelLog().filter(isSuspicious)) {
    const reason = `the kernel logged, unannounced: ${line}`;
    openChannel()({ event: 'broken', what: 'after the last test', reason });
  }
}

void main(process.argv[2]);
