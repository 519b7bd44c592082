// SPDX-License-Identifier: MIT
// Prints the trap test: a line for each cell that must be exact, and what has changed in the others.
import type { Cell } from './cells.js';
import type { Change } from './expectations.js';

/** `node=22 tier=turbofan case=poll32 expected=R4x3 got=R4x3 ok`. Several accesses are separated by commas. */
export function cellLine({ node, tier, case: name, expected, got, ok }: Cell): string {
  const fields = { node, tier, case: name, expected, got };
  const text = Object.entries(fields).map(([key, value]) => `${key}=${value.replaceAll(' ', ',')}`);
  return `${text.join(' ')} ${ok ? 'ok' : 'FAILED'}`;
}

/** Why a cell is not exact, and the accesses that it executed; no lines if it is exact. */
export function failureLines({ ok, reason, executed }: Cell): string[] {
  return ok ? [] : [...reason.split('\n'), ...executed];
}

/**
 * The differences between what V8 does to plain arrays now and the record; one sentence for each engine without a
 * record.
 */
export function changeLines(changes: readonly Change[]): string[] {
  const unknown = new Set(
    changes.filter((one) => one.recorded === undefined).map((one) => one.cell.v8),
  );
  return [
    ...changes
      .filter(({ recorded }) => recorded !== undefined)
      .map(
        ({ cell, recorded }) =>
          `changed: V8 ${cell.v8} (Node ${cell.node}), ${cell.tier}, plain "${cell.case}": recorded ${recorded}, now ${cell.got}`,
      ),
    ...[...unknown].map(
      (v8) => `V8 ${v8} is not in test/exact/expectations.json; --record adds it`,
    ),
  ];
}
