// SPDX-License-Identifier: MIT
// Builds a loop around one expression, with code of its own. Loops that share code also share the optimiser's type
// feedback, and slow each other down.
import { bench } from './native.js';

/** The variables that the expression can use, in addition to `i`, the number of the turn. */
export type Scope = Readonly<Record<string, unknown>>;

/** Makes a loop that evaluates an expression `turns` times and returns the processor time of that, in nanoseconds. */
export function loopOf(expression: string, scope: Scope): (turns: number) => number {
  // The value in `last` leaves the loop, so the optimiser cannot drop it as unused.
  return make(
    `return function loop(turns) {
      const { time, ${Object.keys(scope).join(', ')} } = scope;
      let last;
      const start = time();
      for (let i = 0; i < turns; i++) last = ${expression};
      const taken = time() - start;
      sink = last;
      return taken;
    };`,
    scope,
  );
}

/** The same for an expression that evaluates to a promise. */
export function awaitingLoopOf(
  expression: string,
  scope: Scope,
): (turns: number) => Promise<number> {
  return make(
    `return async function loop(turns) {
      const { time, ${Object.keys(scope).join(', ')} } = scope;
      const start = time();
      for (let i = 0; i < turns; i++) await ${expression};
      return time() - start;
    };`,
    scope,
  );
}

function make<T>(source: string, scope: Scope): T {
  return new Function('scope', 'sink', source)({ ...scope, time: bench.processorTime }) as T;
}
