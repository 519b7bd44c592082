// SPDX-License-Identifier: MIT
// The figures that a soak run counts, and how it prints them.
import { expect, test } from '@jest/globals';
import { progressText, soakTable } from '../soak/report.js';
import { addFigures } from '../soak/soak.js';

const line = { name: 'a case', figures: { rounds: 2, maxLag: 3.7 }, seconds: 12, ended: false };

test('counts add up, of lags the largest stays, of growth the last', () => {
  const before = { rounds: 1, kills: 2, growth: 9, maxLag: 9 };
  const sum = addFigures(before, { rounds: 1, leaks: 0, growth: -1, maxLag: 4 });
  expect(sum).toEqual({ rounds: 2, kills: 2, leaks: 0, growth: -1, maxLag: 9 });
});

test('a line says what was counted and how it goes', () => {
  expect(progressText(line)).toBe('   12 s  a case: rounds 2, max lag 4 ms; running');
  expect(progressText({ ...line, ended: true })).toMatch(/; passed$/);
  expect(progressText({ ...line, ended: true, failure: 'why' })).toMatch(/; FAILED: why$/);
});

test('the table has a row for each case, with nothing where nothing was counted', () => {
  const rows = soakTable([line, { ...line, ended: true }, { ...line, failure: 'why' }]).split('\n');
  const results = rows.filter((row) => row.includes('a case'));
  expect(results).toHaveLength(3);
  expect(results[0]).toMatch(/^a case +2 +4 ms +12 {2}unfinished$/);
  expect(results[1]).toContain('passed');
  expect(results[2]).toContain('FAILED');
});
