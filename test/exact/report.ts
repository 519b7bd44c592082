// SPDX-License-Identifier: MIT
// The trap test in text: a line for each cell that has to be exact, and what has changed in the rest.
import type { Cell } from './cells.js';
import type { Change } from './expectations.js';

/** `node=22 tier=turbofan case=poll32 expected=R4x3 got=R4x3 ok`: what holds several accesses has commas. */
export function cellLine({ node, tier, case: name, expected, got, ok }: Cell): string {
  const fields = { node, tier, case: name, expected, got };
  const text = Object.entries(fields).map(([key, value]) => `${key}=${value.replaceAll(' ', ',')}`);
  return `${text.join(' ')} ${ok ? 'ok' : 'FAILED'}`;
}

/** Why a cell is not exact, and what was executed; nothing of one that is. */
export function failureLines({ ok, reason, executed }: Cell): string[] {
  return ok ? [] : [...reason.split('\n'), ...executed];
}

/** What V8 does to plain arrays now and did not when it was recorded; a sentence for each engine that is new. */
export function changeLines(changes: readonly Change[]): string[] {
  const unknown = new Set(
    changes.filter((one) => one.recorded === undefined).map((one) => one.cell.v8),
  );
  return [
    ...changes
      .filter(({ recorded }) => recorded !== undefined)
      .map(
        ({ cell, recorded }) =>
          `changed: V8 ${cell.v8} (Node ${cell.node}), ${cell.tier}, plain "${cell.case}": ${recorded} when it was recorded, ${cell.got} now`,
      ),
    ...[...unknown].map(
      (v8) => `V8 ${v8} is not in test/exact/expectations.json; --record puts it there`,
    ),
  ];
}
