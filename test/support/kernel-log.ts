// SPDX-License-Identifier: MIT
// The kernel log gate of the VM suites: a fault or an oops that a test did not announce fails it. (jest's
// setupFilesAfterEnv.) What the guest's kernel said since the test before is read after each test; memlock messages
// and "blocked until" count too.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach } from '@jest/globals';
import { openChannel } from '../harness/events.js';
import { type Announcement, isMissing, judgeKernelLog } from '../harness/kernel-log.js';
import { readKernelLog } from '../harness/kmsg.js';

/** The IOMMU's faults are reported by a kernel thread, some time after the access that faulted. */
const PATIENCE_MS = 1000;

const send = openChannel();
let announced: Announcement[] = [];

/**
 * Announces a line that the kernel will log during this test and that would fail it otherwise. If the line
 * does not come that is a failure too, unless `optional`.
 */
export function expectKernelLog(pattern: RegExp, options: { optional?: boolean } = {}): void {
  announced.push({ pattern, optional: options.optional ?? false });
}

afterEach(async () => {
  const expected = announced;
  announced = [];
  const lines = readKernelLog();
  const deadline = Date.now() + PATIENCE_MS;
  while (expected.some((one) => isMissing(one, lines)) && Date.now() < deadline) {
    await sleep(10);
    lines.push(...readKernelLog());
  }
  if (lines.length > 0) send({ event: 'kernel-log', lines });
  const complaint = judgeKernelLog(lines, expected);
  if (complaint !== undefined) throw new Error(complaint);
});
