// SPDX-License-Identifier: MIT
// Medians and percentiles of measurements.
import { createHistogram } from 'node:perf_hooks';

/** Percentiles, in the unit of the recorded values. */
export interface Distribution {
  readonly n: number;
  readonly min: number;
  readonly p10: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** Histograms hold whole numbers, and the smallest measured values are tenths of a nanosecond. */
const SCALE = 1000;
const HIGHEST = 1e12;

/** Measurements of one operation, in an HDR histogram with three significant figures. */
export class Samples {
  readonly #histogram = createHistogram({ lowest: 1, highest: HIGHEST, figures: 3 });

  record(value: number): void {
    this.#histogram.record(Math.min(Math.max(Math.round(value * SCALE), 1), HIGHEST));
  }

  percentile(percent: number): number {
    return this.#histogram.percentile(percent) / SCALE;
  }

  distribution(): Distribution {
    const { count, min, max } = this.#histogram;
    if (count === 0) throw new Error('nothing was measured: there are no samples');
    return {
      n: count,
      min: min / SCALE,
      p10: this.percentile(10),
      p50: this.percentile(50),
      p90: this.percentile(90),
      p99: this.percentile(99),
      max: max / SCALE,
    };
  }

  /** The percentiles from 1 to 99, for drawing a curve. */
  curve(): number[] {
    return Array.from({ length: 99 }, (_, index) => this.percentile(index + 1));
  }
}

/** The middle value, or the mean of the two middle values. NaN for an empty list. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length / 2;
  const [low = Number.NaN, high = low] = sorted.slice(
    Math.ceil(middle) - 1,
    Math.floor(middle) + 1,
  );
  return (low + high) / 2;
}
