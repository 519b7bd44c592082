// SPDX-License-Identifier: MIT
// Reads /dev/kmsg of the test machine. Root opens it once for the whole run. All readers share the position of this
// descriptor, so each line is read by exactly one of them.
import { constants, openSync, readSync } from 'node:fs';
import { formatKernelRecord, parseKernelRecord } from '../../vm/kernel-log.js';

/** The variable that names the descriptor for the test files. */
export const KERNEL_LOG_VARIABLE = 'VFIO_TEST_KERNEL_LOG';

/** The kernel's limit for a record. A read with a smaller buffer can fail with EINVAL. */
const RECORD_SIZE = 8192;

/** Opens the kernel log for this run. It skips the lines that are in the log already. */
export function openKernelLog(): void {
  const fd = openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK);
  process.env[KERNEL_LOG_VARIABLE] = String(fd);
  readKernelLog();
}

/** Returns the lines that the kernel logged since the last call. */
export function readKernelLog(): string[] {
  const fd = descriptor();
  const lines: string[] = [];
  for (;;) {
    const record = readRecord(fd);
    if (record === undefined) return lines;
    // The other lines of a record are properties of the device.
    const parsed = parseKernelRecord(record.split('\n', 1)[0] ?? '');
    if (parsed !== undefined) lines.push(formatKernelRecord(parsed));
  }
}

function descriptor(): number {
  const fd = process.env[KERNEL_LOG_VARIABLE];
  if (fd === undefined) {
    throw new Error(
      `cannot check the kernel log: ${KERNEL_LOG_VARIABLE} does not name a descriptor of /dev/kmsg. ` +
        'Run device tests with "npm run test:vm". It starts test/harness/guest.ts as root, which opens the log',
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
      // EPIPE: the kernel overwrote records before they were read. The next read continues after them.
      if (code !== 'EPIPE') throw error;
    }
  }
}
