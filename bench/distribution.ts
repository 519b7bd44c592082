// SPDX-License-Identifier: MIT
// Many measurements of one thing, as percentiles.
import { createHistogram } from 'node:perf_hooks';

/** Percentiles, in the unit of what was recorded. */
export interface Distribution {
  readonly n: number;
  readonly min: number;
  readonly p10: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** Histograms hold whole numbers; what is measured is a tenth of a nanosecond at the least. */
const SCALE = 1000;
const HIGHEST = 1e12;

/** Measurements of one thing, in an HDR histogram of three significant figures. */
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
    if (count === 0) throw new Error('nothing was measured');
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

  /** Its percentiles from 1 to 99: what a curve is drawn from. */
  curve(): number[] {
    return Array.from({ length: 99 }, (_, index) => this.percentile(index + 1));
  }
}
