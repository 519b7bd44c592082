// SPDX-License-Identifier: MIT
// Measures how long the event loop is blocked while a test awaits something.
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** The promised limit in milliseconds. Tests allow ten times as much, because the machine is emulated and busy. */
export const LAG_MS = 50;
export const LAG_LIMIT_MS = 10 * LAG_MS;

/** Awaits `work`. Returns its result and the longest delay of the event loop until then, in milliseconds. */
export async function measureLag<T>(work: () => Promise<T>): Promise<{ result: T; lag: number }> {
  const delays = monitorEventLoopDelay({ resolution: 5 });
  delays.enable();
  try {
    const result = await work();
    // The next turn of the event loop records the last delay.
    await new Promise((resolve) => setTimeout(resolve, 10));
    return { result, lag: delays.max / 1e6 };
  } finally {
    delays.disable();
  }
}

/**
 * Measures the same, and makes a register access at every turn of the event loop until `work` settles. Counts the
 * outcomes of the accesses by error code, or as "fine".
 */
export async function lagDuring(
  work: () => Promise<unknown>,
  access: () => unknown,
): Promise<{ lag: number; outcomes: Record<string, number> }> {
  const outcomes: Record<string, number> = {};
  const { lag } = await measureLag(async () => {
    let over = false;
    const stop = () => {
      over = true;
    };
    const ending = work();
    ending.then(stop, stop);
    while (!over) {
      const outcome = outcomeOf(access);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await ending;
  });
  return { lag, outcomes };
}

function outcomeOf(access: () => unknown): string {
  try {
    access();
    return 'fine';
  } catch (failure) {
    return (failure as NodeJS.ErrnoException).code ?? String(failure);
  }
}
