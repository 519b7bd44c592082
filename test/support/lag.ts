// SPDX-License-Identifier: MIT
// Measures how long the event loop stands still while something is awaited.
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

/**
 * The same with a register access at every turn of the loop until it has ended. Counts what came of them, by the
 * code of the failure, or as "fine".
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
