// SPDX-License-Identifier: MIT
// Writes a call as a line of a replay.
import { inspect } from 'node:util';

const MOST = 120;

export function describeCall(what: string, args: readonly unknown[]): string {
  return `${what}(${args.map(describe).join(', ')})`;
}

/** Describes a value, even a hostile one. */
function describe(value: unknown): string {
  try {
    const text = inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY, compact: 9 });
    return text.length > MOST ? `${text.slice(0, MOST)}…` : text;
  } catch {
    return 'something that cannot be shown';
  }
}
