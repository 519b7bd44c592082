// SPDX-License-Identifier: MIT
// Puts the guest's kernel log together from the records of /dev/kmsg.

/** `level` as in syslog: 0 to 3 errors, 4 warnings, 5 notices, 6 information, 7 debugging. */
export interface KernelRecord {
  readonly level: number;
  readonly seconds: number;
  readonly text: string;
}

/** Reads a line of /dev/kmsg: "level,sequence,microseconds,flags;text". */
export function parseKernelRecord(line: string): KernelRecord | undefined {
  const match = /^(\d+),\d+,(\d+),[^;]*;(.*)$/.exec(line);
  if (match === null) return undefined;
  // The facility is in the bits above the level.
  return { level: Number(match[1]) & 7, seconds: Number(match[2]) / 1e6, text: match[3] ?? '' };
}

/** As dmesg prints it. */
export function formatKernelRecord(record: KernelRecord): string {
  return `[${record.seconds.toFixed(6).padStart(12)}] ${record.text}`;
}

export class KernelLog {
  readonly #records: KernelRecord[] = [];
  #bootRecords = Number.POSITIVE_INFINITY;

  /** Takes whole records; their continuation lines (device properties) are left out. */
  push(data: Buffer): void {
    for (const line of data.toString('utf8').split('\n')) {
      const record = parseKernelRecord(line);
      if (record !== undefined) this.#records.push(record);
    }
  }

  /** What comes from now on is not of the boot. */
  endOfBoot(): void {
    this.#bootRecords = this.#records.length;
  }

  toString(): string {
    return format(this.#records);
  }

  /** Of the boot only its first line, which names the kernel. */
  brief(): string {
    return format(this.#records.filter((_, index) => index === 0 || index >= this.#bootRecords));
  }
}

function format(records: readonly KernelRecord[]): string {
  return records.map((record) => `${formatKernelRecord(record)}\n`).join('');
}
