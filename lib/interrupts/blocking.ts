// SPDX-License-Identifier: MIT
// Waiting in native code while this thread's event loop stands still.

/** How long a thread is left to the system alone. */
const turnMilliseconds = 20;

/**
 * Blocks in `wait` until it gives a count, and gives that; 0 when `timeout` milliseconds are up. In
 * turns: between them this thread can be ended, as a worker is, and `wait` can find out that what it
 * waits on was closed by another thread.
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
