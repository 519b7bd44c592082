// SPDX-License-Identifier: MIT
// What the kernel log of the test machine must not say unless a test announced it.

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
 * The lines of a kernel log that came after `uptime` seconds. Lines without a time stay, and so does the
 * second before, since the clock of the log is not quite that of uptime.
 */
export function since(uptime: number, log: readonly string[]): string[] {
  return log.filter((line) => Number(/^\[ *([\d.]+)\]/.exec(line)?.[1] ?? uptime) >= uptime - 1);
}

export interface Announcement {
  readonly pattern: RegExp;
  readonly optional: boolean;
}

/** Whether a line that has to come is not among these. */
export function isMissing({ pattern, optional }: Announcement, lines: readonly string[]): boolean {
  return !optional && !lines.some((line) => pattern.test(line));
}

/** What is wrong with the lines that came during a test, or undefined. */
export function judgeKernelLog(
  lines: readonly string[],
  announced: readonly Announcement[],
): string | undefined {
  const unannounced = lines.filter(
    (line) => isSuspicious(line) && !announced.some(({ pattern }) => pattern.test(line)),
  );
  const missing = announced.filter((one) => isMissing(one, lines));
  const complaints = [
    ...unannounced.map((line) => `the kernel logged, unannounced: ${line}`),
    ...missing.map(({ pattern }) => `the kernel log line ${pattern} was announced and never came`),
  ];
  return complaints.length === 0 ? undefined : complaints.join('\n');
}
