// SPDX-License-Identifier: MIT
// Assembles the guest's kernel log from the records of /dev/kmsg.

/** `level` is that of syslog: 0 to 3 errors, 4 warnings, 5 notices, 6 information, 7 debugging. */
export interface KernelRecord {
  readonly level: number;
  readonly seconds: number;
  readonly text: string;
}

/** Reads a line of /dev/kmsg: "level,sequence,microseconds,flags;text". */
export function parseKernelRecord(line: string): KernelRecord | undefined {
  const match = /^(\d+),\d+,(\d+),[^;]*;(.*)$/.exec(line);
  if (match === null) return undefined;
  // The level is in the low three bits, the facility above them.
  return { level: Number(match[1]) & 7, seconds: Number(match[2]) / 1e6, text: match[3] ?? '' };
}

/** The record as dmesg prints it. */
export function formatKernelRecord(record: KernelRecord): string {
  return `[${record.seconds.toFixed(6).padStart(12)}] ${record.text}`;
}

export class KernelLog {
  readonly #records: KernelRecord[] = [];
  #bootRecords = Number.POSITIVE_INFINITY;

  /** Adds whole records, without their continuation lines (device properties). */
  push(data: Buffer): void {
    for (const line of data.toString('utf8').split('\n')) {
      const record = parseKernelRecord(line);
      if (record !== undefined) this.#records.push(record);
    }
  }

  /** Ends the part of the log that belongs to the boot. */
  endOfBoot(): void {
    this.#bootRecords = this.#records.length;
  }

  toString(): string {
    return format(this.#records);
  }

  /** The log without the boot, except for the boot's first line, which names the kernel. */
  brief(): string {
    return format(this.#records.filter((_, index) => index === 0 || index >= this.#bootRecords));
  }
}

function format(records: readonly KernelRecord[]): string {
  return records.map((record) => `${formatKernelRecord(record)}\n`).join('');
}
