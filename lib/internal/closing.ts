// SPDX-License-Identifier: MIT
// Closing in order, and whole even when a step fails.

/** Something with an idempotent close. */
export interface Closable {
  close(): Promise<void> | void;
}

/**
 * Runs every step, each after the one before has ended, and only then throws what failed first. All
 * up to the first that gives a promise run at once, in the caller's turn.
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

/** Starts closing all of them in this turn, the last first, and waits for all. */
export function closeNewestFirst(children: readonly Closable[]): Promise<void> {
  const closings = [...children].reverse().map(async (child) => child.close());
  return inOrder(...closings.map((closing) => () => closing));
}
