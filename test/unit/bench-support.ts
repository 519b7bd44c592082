// SPDX-License-Identifier: MIT
// Made-up benchmark reports for the tests of the benchmark tools.
import type { Report, Result } from '../../bench/report.js';
import { type Distribution, Samples } from '../../tools/statistics.js';

/** A distribution around `p50`. The deciles are the fraction `spread` of `p50` away from it. */
function around(p50: number, spread: number): Distribution {
  const low = p50 * (1 - spread);
  const high = p50 * (1 + spread);
  return { n: 100, min: low, p10: low, p50, p90: high, p99: high, max: high };
}

/** A result that compares the medians `ours` and `twin`. */
export function result(name: string, ours: number, twin: number, spread = 0.01): Result {
  return {
    name,
    unit: 'ns',
    what: `${name}()`,
    ...around(ours, spread),
    twin: { what: 'C++', ...around(twin, spread) },
    ratio: ours / twin,
  };
}

export function report(...results: Result[]): Report {
  return {
    schema: 'vfio.bench/1',
    machine: {
      cpu: 'Some CPU',
      processors: 2,
      backend: 'memory',
      emulated: false,
      kernel: '6.1.0',
      node: '20.20.2',
      v8: '11.3',
      pinned: true,
      load: 0.25,
      date: '2026-01-02T03:04:05.000Z',
    },
    commit: 'abc1234',
    quick: false,
    results,
  };
}

export function samplesOf(...values: number[]): Samples {
  const samples = new Samples();
  for (const value of values) samples.record(value);
  return samples;
}
