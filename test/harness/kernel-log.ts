// SPDX-License-Identifier: MIT
// Judges the kernel log of the test machine: a suspicious line fails a test, unless the test announced it.

const SUSPICIOUS = [
  // "DMAR: DRHD: handling fault status reg 2", "DMAR: [DMA Read NO_PASID] Request device … fault addr …"
  /DMAR:.*(fault|\[(DMA|INTR))/i,
  /\b(BUG|WARNING|Oops|KASAN|UBSAN|Kernel panic|general protection fault)\b/,
  /unable to handle|Call Trace:|refcount_t:|hung_task|blocked for more than/i,
  // "vfio_pin_pages_remote: RLIMIT_MEMLOCK (8388608) exceeded"
  /memlock/i,
  // "Device is currently in use, task "…" (…) blocked until device is released"
  /blocked until/,
];

export function isSuspicious(line: string): boolean {
  return SUSPICIOUS.some((pattern) => pattern.test(line));
}

/**
 * The lines that the kernel logged after `uptime` seconds. It keeps lines without a time, and those of the second
 * before, because the clock of the log differs slightly from that of uptime.
 */
export function since(uptime: number, log: readonly string[]): string[] {
  return log.filter((line) => Number(/^\[ *([\d.]+)\]/.exec(line)?.[1] ?? uptime) >= uptime - 1);
}

export interface Announcement {
  readonly pattern: RegExp;
  readonly optional: boolean;
}

/** Whether these lines lack an announced line that is not optional. */
export function isMissing({ pattern, optional }: Announcement, lines: readonly string[]): boolean {
  return !optional && !lines.some((line) => pattern.test(line));
}

/** Says what is wrong with the lines that the kernel logged during a test. Undefined if nothing is. */
export function judgeKernelLog(
  lines: readonly string[],
  announced: readonly Announcement[],
): string | undefined {
  const unannounced = lines.filter(
    (line) => isSuspicious(line) && !announced.some(({ pattern }) => pattern.test(line)),
  );
  const missing = announced.filter((one) => isMissing(one, lines));
  const complaints = [
    ...unannounced.map(
      (line) => `the kernel logged a line that the test did not announce: ${line}`,
    ),
    ...missing.map(
      ({ pattern }) => `the kernel did not log a line that the test announced: ${pattern}`,
    ),
  ];
  return complaints.length === 0 ? undefined : complaints.join('\n');
}
