// SPDX-License-Identifier: MIT
// What V8 did to plain arrays when expectations.json was recorded, where it differs from the source. `npm run
// test:exact -- --record` records it.
//
// A difference is reported, but fails nothing. V8 may change this with any release, in either direction, and no user of
// the library is affected. It means that docs/mmio-in-javascript.md is no longer true. What the library itself depends
// on (its accessors, the DMA patterns, the stores of the doorbell's fast path) has no expectation here: it must be
// exact everywhere.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../tools/paths.js';
import type { MatrixCell } from './cells.js';

export interface Expectations {
  /** The Node version that was measured for each version of V8. */
  readonly engines: Readonly<Record<string, string>>;
  readonly deviations: Deviations;
}

/** By case, then by executed accesses, then by engine: the tiers, separated by spaces. */
type Deviations = Record<string, Record<string, Record<string, string>>>;

/** A cell of a plain array that differs from its record. */
export interface Change {
  readonly cell: MatrixCell;
  /** Undefined if the engine has no record. */
  readonly recorded: string | undefined;
}

const path = join(projectRoot, 'test/exact/expectations.json');

export function readExpectations(): Expectations {
  return JSON.parse(readFileSync(path, 'utf8')) as Expectations;
}

export function writeExpectations(expectations: Expectations): void {
  writeFileSync(path, `${JSON.stringify(expectations, undefined, 2)}\n`);
}

/** The recorded accesses of a cell of a plain array; undefined if its engine has no record. */
export function recordedFor(
  { engines, deviations }: Expectations,
  { v8, tier, case: name, expected }: Pick<MatrixCell, 'v8' | 'tier' | 'case' | 'expected'>,
): string | undefined {
  if (engines[v8] === undefined) return undefined;
  const found = Object.entries(deviations[name] ?? {}).find(([, engines]) =>
    engines[v8]?.split(' ').includes(tier),
  );
  return found === undefined ? expected : found[0];
}

export function changes(expectations: Expectations, cells: readonly MatrixCell[]): Change[] {
  return cells
    .filter(({ subject }) => subject === 'plain')
    .map((cell) => ({ cell, recorded: recordedFor(expectations, cell) }))
    .filter(({ cell, recorded }) => cell.got !== recorded);
}

/** Returns the expectations in which these cells replace the records of their engines. */
export function record(
  before: Expectations,
  engines: Readonly<Record<string, string>>,
  cells: readonly MatrixCell[],
): Expectations {
  const found = cells.filter(({ subject, ok }) => subject === 'plain' && !ok);
  const deviations: Deviations = {};
  for (const one of [...entries(before).filter(({ v8 }) => !(v8 in engines)), ...found]) {
    deviations[one.case] ??= {};
    const byGot = deviations[one.case] as Deviations[string];
    byGot[one.got] ??= {};
    const byEngine = byGot[one.got] as Record<string, string>;
    const tiers = byEngine[one.v8];
    byEngine[one.v8] = tiers === undefined ? one.tier : `${tiers} ${one.tier}`;
  }
  return { engines: { ...before.engines, ...engines }, deviations };
}

/** The recorded deviations, one by one. */
function entries({ deviations }: Expectations) {
  return Object.entries(deviations).flatMap(([name, byGot]) =>
    Object.entries(byGot).flatMap(([got, byEngine]) =>
      Object.entries(byEngine).flatMap(([v8, tiers]) =>
        tiers.split(' ').map((tier) => ({ case: name, got, v8, tier })),
      ),
    ),
  );
}
