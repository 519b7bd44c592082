// SPDX-License-Identifier: MIT
import { expect, test } from '@jest/globals';
import { below, type Coverage, missed, percent } from '../coverage/counts.js';

const of = (lines: [number, number], branches: [number, number]): Coverage => ({
  lines: { covered: lines[0], total: lines[1] },
  branches: { covered: branches[0], total: branches[1] },
});

test('files below a folder are added up', () => {
  const files = new Map([
    ['lib/a.ts', of([1, 2], [3, 4])],
    ['lib/internal/b.ts', of([5, 6], [7, 8])],
    ['src-native/lib.cc', of([9, 9], [9, 9])],
  ]);
  expect(below(files, 'lib/')).toEqual(of([6, 8], [10, 12]));
  expect(below(files, '')).toEqual(of([15, 17], [19, 21]));
  expect(below(files, 'bench/')).toEqual(of([0, 0], [0, 0]));
});

test('what is required is enough, and a little less is not', () => {
  expect(missed(of([95, 100], [90, 100]))).toEqual([]);
  expect(missed(of([949, 1000], [90, 100]))).toEqual(['lines']);
  expect(missed(of([95, 100], [899, 1000]))).toEqual(['branches']);
  expect(percent({ covered: 0, total: 0 })).toBe(100);
});
