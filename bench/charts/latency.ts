// SPDX-License-Identifier: MIT
// The chart of signal latency: the share of signals that has reached the handler after a given time.
import type { TopLevelSpec } from 'vega-lite';
import type { Report } from '../report.js';

interface Point {
  readonly way: string;
  readonly microseconds: number;
  /** In percent. */
  readonly arrived: number;
}

/** The curves of all results that have one, and the curve of their twin once. */
export function latencyPoints({ results }: Report): Point[] {
  const curves = new Map<string, readonly number[]>();
  for (const { what, curve, twin } of results) {
    if (curve === undefined || twin.curve === undefined) continue;
    curves.set(twin.what, twin.curve);
    curves.set(what, curve);
  }
  return [...curves].flatMap(([way, curve]) =>
    curve.map((microseconds, index) => ({ way, microseconds, arrived: index + 1 })),
  );
}

export function latencyChart(report: Report): TopLevelSpec {
  return {
    title: {
      text: 'From write(eventfd) in another thread to the first statement of the handler',
      subtitle: `Node ${report.machine.node}, ${report.machine.cpu}`,
    },
    data: { values: latencyPoints(report) },
    width: 520,
    height: 280,
    mark: { type: 'line', interpolate: 'step-after' },
    encoding: {
      x: {
        field: 'microseconds',
        type: 'quantitative',
        scale: { type: 'log', nice: false },
        title: 'µs',
      },
      y: { field: 'arrived', type: 'quantitative', title: '% arrived' },
      color: {
        field: 'way',
        type: 'nominal',
        title: null,
        sort: null,
        legend: { labelLimit: 320 },
      },
    },
  };
}
