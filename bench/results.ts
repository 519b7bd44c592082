// SPDX-License-Identifier: MIT
// Turns measurements into results, each of one contender compared with another.
import type { Samples } from '../tools/statistics.js';
import type { Result, Unit } from './report.js';

/** A result before it is measured: one contender against another. */
export interface Row {
  readonly name: string;
  /** The name of the contender. Default: the name of the result. */
  readonly ours?: string;
  readonly what: string;
  readonly twin: string;
  /** A description of the twin. */
  readonly against: string;
}

/** The results of rows whose contenders were measured in turns. */
export function resultsOf(
  rows: readonly Row[],
  samples: ReadonlyMap<string, Samples>,
  unit: Unit,
): Result[] {
  return rows.map(({ name, ours = name, what, twin, against }) => {
    const mine = samples.get(ours);
    const its = samples.get(twin);
    if (mine === undefined || its === undefined) throw new Error(`${name} was not measured`);
    return resultOf({ name, what, unit }, mine, { what: against, samples: its });
  });
}

/** One result. */
export function resultOf(
  head: Pick<Result, 'name' | 'what' | 'unit' | 'facts'>,
  ours: Samples,
  twin: { what: string; samples: Samples },
): Result {
  const mine = ours.distribution();
  const its = twin.samples.distribution();
  return { ...head, ...mine, twin: { what: twin.what, ...its }, ratio: mine.p50 / its.p50 };
}
