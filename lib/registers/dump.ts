// SPDX-License-Identifier: MIT
// All registers of a map as text, without those that a read changes.

interface Shown {
  readonly offset: number;
  describe(): string;
}

interface Several {
  readonly count: number;
  at(index: number): object;
}

/** A line for each register that has describe(). An array is a line for each of its registers. */
export function dump(registers: Readonly<Record<string, object>>): string {
  const shown = Object.values(registers).flatMap(shownOf);
  const last = shown.reduce((most, { offset }) => Math.max(most, offset), 0);
  const digits = Math.max(2, last.toString(16).length);
  return shown
    .map((each) => `0x${each.offset.toString(16).padStart(digits, '0')} ${each.describe()}`)
    .join('\n');
}

/** Registers that are `wo` or `rc` have no describe(). */
function shownOf(entry: object): Shown[] {
  if (!('count' in entry)) return 'describe' in entry ? [entry as Shown] : [];
  const { count } = entry as Several;
  const first = (entry as Several).at(0);
  if (!('describe' in first)) return [];
  return Array.from({ length: count }, (_, index) => (entry as Several).at(index) as Shown);
}
