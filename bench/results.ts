// SPDX-License-Identifier: MIT
// Makes results of measurements: which contender is compared with which.
import type { Samples } from '../tools/statistics.js';
import type { Result, Unit } from './report.js';

/** A result to be: one contender against another. */
export interface Row {
  readonly name: string;
  /** The contender, where it is not called like the result. */
  readonly ours?: string;
  readonly what: string;
  readonly twin: string;
  /** What the twin does, in words. */
  readonly against: string;
}

/** The results of rows whose contenders took turns. */
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
