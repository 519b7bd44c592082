// SPDX-License-Identifier: MIT
// Reads /dev/kmsg of the test machine. It is opened once for a whole run, while still root; the position
// lives in the descriptor, so every line is read by exactly one reader.
import { constants, openSync, readSync } from 'node:fs';
import { formatKernelRecord, parseKernelRecord } from '../../vm/kernel-log.js';

/** Names the descriptor for the test files. */
export const KERNEL_LOG_VARIABLE = 'VFIO_TEST_KERNEL_LOG';

/** The kernel's limit for a record; a smaller buffer gives EINVAL. */
const RECORD_SIZE = 8192;

/** Opens the kernel log for this run, behind what it holds already. */
export function openKernelLog(): void {
  const fd = openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK);
  process.env[KERNEL_LOG_VARIABLE] = String(fd);
  readKernelLog();
}

/** The lines that came since the last call. */
export function readKernelLog(): string[] {
  const fd = descriptor();
  const lines: string[] = [];
  for (;;) {
    const record = readRecord(fd);
    if (record === undefined) return lines;
    // The lines after the first are properties of the device.
    const parsed = parseKernelRecord(record.split('\n', 1)[0] ?? '');
    if (parsed !== undefined) lines.push(formatKernelRecord(parsed));
  }
}

function descriptor(): number {
  const fd = process.env[KERNEL_LOG_VARIABLE];
  if (fd === undefined) {
    throw new Error(
      `the kernel log cannot be checked: ${KERNEL_LOG_VARIABLE} names no descriptor of /dev/kmsg. ` +
        'Run VM tests by npm run test:vm, which starts test/harness/guest.ts as root to open it',
    );
  }
  return Number(fd);
}

function readRecord(fd: number): string | undefined {
  const buffer = Buffer.alloc(RECORD_SIZE);
  for (;;) {
    try {
      return buffer.toString('utf8', 0, readSync(fd, buffer));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EAGAIN') return undefined;
      // EPIPE: records were overwritten before they were read; the next read goes on after them.
      if (code !== 'EPIPE') throw error;
    }
  }
}
