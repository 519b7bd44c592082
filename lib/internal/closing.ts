// SPDX-License-Identifier: MIT
// Closes things in order. All steps run, even if one of them fails.

/** An object with an idempotent `close`. */
export interface Closable {
  close(): Promise<void> | void;
}

/**
 * Runs all steps, each after the previous one has ended, and then throws the first failure. The steps up to and
 * including the first one that returns a promise run before this function returns.
 */
export async function inOrder(...steps: (() => unknown)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      const ending = step();
      if (ending instanceof Promise) await ending;
    } catch (failure) {
      failures.push(failure);
    }
  }
  if (failures.length > 0) throw failures[0];
}

/** Starts to close all of them before this function returns, the last one first, and waits for all. */
export function closeNewestFirst(children: readonly Closable[]): Promise<void> {
  const closings = [...children].reverse().map(async (child) => child.close());
  return inOrder(...closings.map((closing) => () => closing));
}
