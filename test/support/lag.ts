// SPDX-License-Identifier: MIT
// How long the event loop stands still while something is awaited.
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** What was promised, and ten times that: what a test on a busy, emulated machine holds to. */
export const LAG_MS = 50;
export const LAG_LIMIT_MS = 10 * LAG_MS;

/** Awaits something; gives its result and the loop's longest delay meanwhile, in milliseconds. */
export async function measureLag<T>(work: () => Promise<T>): Promise<{ result: T; lag: number }> {
  const delays = monitorEventLoopDelay({ resolution: 5 });
  delays.enable();
  try {
    const result = await work();
    // What stood still just now is counted in the next turn.
    await new Promise((resolve) => setTimeout(resolve, 10));
    return { result, lag: delays.max / 1e6 };
  } finally {
    delays.disable();
  }
}
