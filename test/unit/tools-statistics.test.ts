// SPDX-License-Identifier: MIT
import { describe, expect, test } from '@jest/globals';
import { median, Samples } from '../../tools/statistics.js';
import { samplesOf } from './bench-support.js';

describe('Samples', () => {
  test('gives percentiles in the unit of what was recorded', () => {
    const values = Array.from({ length: 100 }, (_, index) => (index + 1) / 10);
    const { n, min, p10, p50, p90, p99, max } = samplesOf(...values).distribution();
    expect(n).toBe(100);
    for (const [got, wanted] of [
      [min, 0.1],
      [p10, 1],
      [p50, 5],
      [p90, 9],
      [p99, 9.9],
      [max, 10],
    ]) {
      expect((got as number) / (wanted as number)).toBeCloseTo(1, 2);
    }
  });

  test('keeps a thousandth apart at every magnitude', () => {
    for (const value of [0.3, 30, 3e6]) {
      expect(samplesOf(value).distribution().p50 / value).toBeCloseTo(1, 2);
    }
  });

  test('a curve rises from 1 to 99 percent', () => {
    const curve = samplesOf(3, 1, 2, 5, 4).curve();
    expect(curve.length).toBe(99);
    expect([...curve].sort((a, b) => a - b)).toEqual(curve);
  });

  test('of nothing are refused', () => {
    expect(() => new Samples().distribution()).toThrow('nothing was measured');
  });
});

test.each([
  [[], Number.NaN],
  [[7], 7],
  [[3, -1, 2], 2],
  [[4, 1, 10, 2], 3],
])('the median of %j is %d', (values, middle) => {
  expect(median(values)).toBe(middle);
});
