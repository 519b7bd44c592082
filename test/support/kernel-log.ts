// SPDX-License-Identifier: MIT
// The kernel log gate of the VM suites: a fault or an oops that a test did not announce fails it. It is one of jest's
// setupFilesAfterEnv. After each test, it reads what the guest's kernel logged since the previous test. Memlock
// messages and "blocked until" count too.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach } from '@jest/globals';
import { openChannel } from '../harness/events.js';
import { type Announcement, isMissing, judgeKernelLog } from '../harness/kernel-log.js';
import { readKernelLog } from '../harness/kmsg.js';

/** A kernel thread reports IOMMU faults, some time after the access that caused them. */
const PATIENCE_MS = 1000;

const send = openChannel();
let announced: Announcement[] = [];

/**
 * Announces a line that the kernel will log during this test, and that would otherwise fail the test. If the line does
 * not come, the test fails too, unless `optional` is set.
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
