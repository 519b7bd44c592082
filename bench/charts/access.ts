// SPDX-License-Identifier: MIT
// The chart of the cost of one access, by method: the median and the deciles around it.
import type { TopLevelSpec } from 'vega-lite';
import type { Distribution } from '../../tools/statistics.js';
import type { Report } from '../report.js';

type Kind = 'exact' | 'not exact' | 'C++';

interface Bar extends Pick<Distribution, 'p10' | 'p50' | 'p90'> {
  readonly label: string;
  readonly kind: Kind;
}

/** The methods in the order of the chart. A method that the report lacks is left out. */
const methods: readonly (readonly [name: string, label: string, kind: Kind])[] = [
  ['cpp.read32', 'C++ volatile load', 'C++'],
  ['cpp.write32', 'C++ volatile store', 'C++'],
  ['bar.read32.typedArray', 'Uint32Array, read', 'not exact'],
  ['bar.write32.typedArray', 'Uint32Array, write', 'not exact'],
  ['bar.read32.dataView', 'DataView.getUint32', 'not exact'],
  ['bar.write32.dataView', 'DataView.setUint32', 'not exact'],
  ['doorbell', 'doorbell.write', 'exact'],
  ['bar.batch64', 'batch of 64, each', 'exact'],
  ['bar.batch16', 'batch of 16, each', 'exact'],
  ['bar.batch4', 'batch of 4, each', 'exact'],
  ['bar.read32', 'region.read32', 'exact'],
  ['bar.write32', 'region.write32', 'exact'],
  ['bar.read64', 'region.read64 (bigint)', 'exact'],
  ['regs.field', 'a field by name', 'exact'],
  ['bar.poll32', 'await region.poll32, true at once', 'exact'],
];

/** The bars of the methods that the report has. */
export function accessBars({ results }: Report): Bar[] {
  return methods.flatMap(([name, label, kind]) => {
    const result = results.find((each) => each.name === name);
    if (result === undefined) return [];
    const { p10, p50, p90 } = result;
    return [{ label, kind, p10, p50, p90 }];
  });
}

export function accessChart(report: Report): TopLevelSpec {
  const y = { field: 'label', type: 'nominal', sort: null, title: null } as const;
  const scale = { type: 'log' } as const;
  return {
    title: {
      text: 'One access to a register, by method',
      subtitle: `Node ${report.machine.node}, ${report.machine.cpu}; the BAR is memory: a PCIe read adds 500 ns and more`,
    },
    data: { values: accessBars(report) },
    width: 520,
    height: { step: 20 },
    layer: [
      {
        mark: { type: 'point', filled: true, size: 80, opacity: 1 },
        encoding: {
          y,
          x: {
            field: 'p50',
            type: 'quantitative',
            scale,
            title: 'ns an access, median and deciles',
          },
          color: { field: 'kind', type: 'nominal', title: null, scale: colours },
        },
      },
      {
        mark: { type: 'rule' },
        encoding: {
          y,
          x: { field: 'p10', type: 'quantitative', scale },
          x2: { field: 'p90' },
          color: { field: 'kind', type: 'nominal', scale: colours },
        },
      },
      {
        mark: { type: 'text', align: 'left', dx: 10 },
        encoding: {
          y,
          x: { field: 'p50', type: 'quantitative', scale },
          text: { field: 'p50', type: 'quantitative', format: '.2~r' },
        },
      },
    ],
  };
}

const colours: { domain: Kind[]; range: string[] } = {
  domain: ['exact', 'not exact', 'C++'],
  range: ['#1b7837', '#b2182b', '#555555'],
};
