// SPDX-License-Identifier: MIT
// What V8 did to plain arrays when expectations.json was recorded, where it is not what is written. `npm run
// test:exact -- --record` records it.
//
// A difference is reported and fails nothing: V8 may change this with any release, in either direction, and no
// user of the library is hurt by it; but docs/mmio-in-javascript.md then says what is no longer true. What the
// library itself stands on (its accessors, the DMA patterns, the stores of the doorbell's fast path) has no
// expectation here: it has to be exact, wherever it is run.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../tools/paths.js';
import type { MatrixCell } from './cells.js';

export interface Expectations {
  /** The Node that stood for each line of V8. */
  readonly engines: Readonly<Record<string, string>>;
  readonly deviations: Deviations;
}

/** By case, then by what was executed, then by engine: in which tiers, with spaces between them. */
type Deviations = Record<string, Record<string, Record<string, string>>>;

/** A plain cell that is not as it was. */
export interface Change {
  readonly cell: MatrixCell;
  /** Undefined for an engine that was not recorded. */
  readonly recorded: string | undefined;
}

const path = join(projectRoot, 'test/exact/expectations.json');

export function readExpectations(): Expectations {
  return JSON.parse(readFileSync(path, 'utf8')) as Expectations;
}

export function writeExpectations(expectations: Expectations): void {
  writeFileSync(path, `${JSON.stringify(expectations, undefined, 2)}\n`);
}

/** What a plain cell executed when it was recorded; undefined when its engine was not. */
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

/** The expectations with these cells in place of what was known of their engines. */
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

/** What is recorded, one by one. */
function entries({ deviations }: Expectations) {
  return Object.entries(deviations).flatMap(([name, byGot]) =>
    Object.entries(byGot).flatMap(([got, byEngine]) =>
      Object.entries(byEngine).flatMap(([v8, tiers]) =>
        tiers.split(' ').map((tier) => ({ case: name, got, v8, tier })),
      ),
    ),
  );
}
