// SPDX-License-Identifier: MIT
import { describe, expect, test } from '@jest/globals';
import { accessBars } from '../../bench/charts/access.js';
import { latencyPoints } from '../../bench/charts/latency.js';
import { matrixSquares } from '../../bench/charts/matrix.js';
import { compareReports, regressed } from '../../bench/compare.js';
import { figure, parseReport, reportJson } from '../../bench/report.js';
import { reportText } from '../../bench/table.js';
import { judge, missed } from '../../bench/targets.js';
import { section } from '../../docs/generate/benchmarks.js';
import { report, result } from './bench-support.js';

describe('a report', () => {
  test('is read back as it was written', () => {
    const written = report(result('bar.read32', 40, 30), result('doorbell', 1, 1));
    expect(parseReport(reportJson(written))).toEqual(written);
    expect(parseReport(reportJson(report()))).toEqual(report());
  });

  test.each([
    ['another schema', { ...report(), schema: 'vfio.bench/2' }, 'its schema is vfio.bench/2'],
    ['no results', { ...report(), results: undefined }, 'results is not an array'],
    ['no machine', { ...report(), machine: undefined }, 'machine is missing'],
    [
      'a result without a median',
      report({ ...result('x', 1, 1), p50: Number.NaN }),
      'p50 is missing',
    ],
    [
      'a twin without one',
      report({ ...result('x', 1, 1), twin: {} as never }),
      'twin: n is missing',
    ],
    ['a strange unit', report({ ...result('x', 1, 1), unit: 'h' as never }), 'the unit is h'],
  ])('with %s is refused', (_, wrong, reason) => {
    expect(() => parseReport(JSON.stringify(wrong))).toThrow(reason);
  });

  test('as text has the conditions, a line a result, and what was missed', () => {
    const results = judge([result('bar.read32', 60, 30), result('doorbell', 1, 0.5)], 'memory');
    const text = reportText(report(...results));
    expect(text).toMatch(/^commit abc1234, Node 20\.20\.2 .*Some CPU, a mapped memfd as BAR/);
    expect(text).toMatch(/^bar\.read32 .* 60 .* ns .* 30 +2× +≤ 1\.5× +MISSED$/m);
    expect(text).toMatch(/^doorbell .* 2× +≤ 3\.5× +reached$/m);
  });

  test('as Markdown is a table, in which no text ends a cell', () => {
    const results = judge([{ ...result('bar.read32', 60, 30), what: 'a | b' }], 'memory');
    const lines = section('Here', report(...results)).split('\n');
    expect(lines[0]).toBe('### Here');
    const cells =
      '| `bar.read32` | `a \\| b` | 59.4 | 60 | 60.6 | ns | C++ | 30 | 2× | ≤ 1.5× | **missed** |';
    expect(lines.at(-1)).toBe(cells);
  });

  test('figures have three digits', () => {
    expect([0.34912, 12.345, 1234.5, 7, 0].map(figure)).toEqual([
      '0.349',
      '12.3',
      '1235',
      '7',
      '0',
    ]);
  });
});

describe('targets', () => {
  const reached = (name: string, ours: number, twin: number, backend = 'memory') =>
    judge([result(name, ours, twin)], backend)[0]?.target?.reached;

  test('are ratios to the twin, however slow the machine', () => {
    expect(reached('bar.read32', 45, 30)).toBe(true);
    expect(reached('bar.read32', 46, 30)).toBe(false);
    expect(reached('bar.batch16', 130, 10)).toBe(true);
    expect(reached('bar.batch16', 1.4, 0.1)).toBe(false);
    expect(reached('import', 400, 1000)).toBe(true);
    expect(reached('import', 5, 10)).toBe(false);
  });

  test('of the event loop look at the worst of it', () => {
    expect(reached('irq.storm.lag', 50, 10)).toBe(true);
    expect(reached('irq.storm.lag', 51, 10)).toBe(false);
  });

  test('of interrupts look at the tenth and the half', () => {
    expect(reached('irq.main', 199, 100)).toBe(true);
    expect(reached('irq.main', 201, 100)).toBe(false);
    const late = { ...result('irq.main', 251, 100), p10: 100 };
    expect(judge([late], 'memory')[0]?.target?.reached).toBe(false);
  });

  test('that were missed are told', () => {
    const all = judge([result('bar.read32', 40, 30), result('regs.field', 121, 40)], 'memory');
    expect(missed(all).map(({ name }) => name)).toEqual(['regs.field']);
  });

  test('of mappings need the ioctl, and nothing else is judged where that is', () => {
    expect(reached('dma.map1g', 20, 4)).toBeUndefined();
    expect(reached('dma.map1g', 106, 100, 'type1')).toBe(false);
    expect(reached('bar.read32', 60, 30, 'type1')).toBeUndefined();
  });

  test('are none for the rest', () => {
    expect(reached('bar.read8', 1000, 1)).toBeUndefined();
  });
});

describe('two reports', () => {
  const verdict = (before: [number, number], after: [number, number], spread = 0.01) =>
    compareReports(report(result('x', ...before, spread)), report(result('x', ...after, spread)))[0]
      ?.verdict;

  test('differ beyond the noise or not at all', () => {
    expect(verdict([100, 50], [109, 50])).toBe('same');
    expect(verdict([100, 50], [115, 50])).toBe('worse');
    expect(verdict([100, 50], [85, 50])).toBe('better');
    expect(verdict([100, 50], [115, 50], 0.2)).toBe('same');
  });

  test('of a slower machine show no regression', () => {
    expect(verdict([100, 50], [200, 100])).toBe('slower with its twin');
  });

  test('are a regression when something got worse or is gone', () => {
    const same = report(result('x', 100, 50));
    expect(regressed(compareReports(same, same))).toBe(false);
    expect(regressed(compareReports(same, report(result('x', 150, 50))))).toBe(true);
    expect(regressed(compareReports(same, report()))).toBe(true);
    expect(regressed(compareReports(report(), same))).toBe(false);
  });
});

describe('charts', () => {
  test('of accesses have the methods that were measured', () => {
    const bars = accessBars(report(result('bar.read32', 40, 30), result('irq.main', 1, 1)));
    expect(bars).toEqual([
      expect.objectContaining({ label: 'region.read32', kind: 'exact', p50: 40 }),
    ]);
  });

  test('of latencies have the curves, and the twin once', () => {
    const curve = [1, 2];
    const one = result('irq.main', 1, 1);
    const both = ['irq.main', 'irq.worker'].map((name) => ({
      ...one,
      what: name,
      curve,
      twin: { ...one.twin, curve },
    }));
    const points = latencyPoints(report(...both));
    expect(points.map(({ way }) => way)).toEqual([
      ...['C++', 'C++', 'irq.main', 'irq.main', 'irq.worker', 'irq.worker'],
    ]);
    expect(points[1]).toEqual({ way: 'C++', microseconds: 2, arrived: 2 });
  });

  test('of exactness have a square a cell', () => {
    const cell = { node: '22', v8: '12.4', tier: 'turbofan', expected: 'R4', got: '' } as const;
    const cells = [{ ...cell, subject: 'plain' as const, case: 'read, unused', ok: false }];
    expect(matrixSquares({ cells })).toEqual([
      {
        column: '22 turbofan',
        case: 'read, unused',
        subject: 'typed arrays, DataView, Buffer',
        exact: 'not exact',
      },
    ]);
  });
});
