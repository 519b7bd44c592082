// SPDX-License-Identifier: MIT
// Waits for an interrupt in native code, and blocks the event loop of this thread.

/** How long one native wait lasts at most. */
const turnMilliseconds = 20;

/**
 * Blocks in `wait` until it returns a count, and returns that count. Returns 0 when `timeout` milliseconds
 * have passed. It waits in short turns. Between them, this thread can be terminated (as a worker is), and
 * `wait` can find out that another thread closed its vector.
 */
export function blockInTurns(
  wait: (milliseconds: number) => number,
  timeout = Number.POSITIVE_INFINITY,
): number {
  const deadline = performance.now() + timeout;
  for (let left = timeout; ; left = deadline - performance.now()) {
    const count = wait(Math.max(0, Math.min(Math.ceil(left), turnMilliseconds)));
    if (count > 0 || left <= 0) return count;
  }
}
