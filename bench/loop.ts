// SPDX-License-Identifier: MIT
// Builds a loop around one expression, each with code of its own. Loops that share code also share what the optimiser
// knows about it, and slow each other down.
import { bench } from './native.js';

/** What the expression may name, beside `i`, the number of the turn. */
export type Scope = Readonly<Record<string, unknown>>;

/** Evaluates an expression that often and gives the processor time it took, in nanoseconds. */
export function loopOf(expression: string, scope: Scope): (turns: number) => number {
  // What is assigned to `last` leaves the loop, so that it is not dropped as unused.
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

/** The same for an expression that is a promise. */
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
