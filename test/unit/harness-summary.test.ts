// SPDX-License-Identifier: MIT
import { describe, expect, test } from '@jest/globals';
import { isExpectedSkip, parseExpectedSkips } from '../harness/expected-skips.js';
import type { CaseRecord } from '../harness/recorder.js';
import { count, countsLine, exitStatus, groupLines } from '../harness/summary.js';

const base: CaseRecord = {
  suite: 'vm-lab',
  kernel: '7.3.4',
  backend: 'type1',
  device: '',
  name: 'a',
  status: 'passed',
  reason: '',
  ms: 500,
};

describe('the summary', () => {
  test('counts cases by status', () => {
    const cases = [
      base,
      { ...base, status: 'failed' },
      { ...base, status: 'skipped' },
      base,
    ] as const;
    expect(countsLine(count(cases))).toBe('2 passed, 1 failed, 1 skipped');
  });

  test('has one line for each suite, kernel and back end', () => {
    const other = { ...base, backend: 'iommufd' };
    const unit = { ...base, suite: 'unit', kernel: '6.12.1', backend: '' };
    const unbooted = {
      ...base,
      suite: 'vm-distro',
      kernel: '',
      backend: '',
      status: 'failed',
    } as const;
    expect(groupLines([unit, base, other, base, unbooted])).toEqual([
      'unit (6.12.1): 1 passed, 0 failed, 0 skipped, 0.5 s',
      'vm lab (7.3.4) type1: 2 passed, 0 failed, 0 skipped, 1.0 s',
      'vm lab (7.3.4) iommufd: 1 passed, 0 failed, 0 skipped, 0.5 s',
      'vm distro: 0 passed, 1 failed, 0 skipped, 0.5 s',
    ]);
  });

  test.each([
    [{ passed: 1, failed: 0, skipped: 3 }, 0],
    [{ passed: 9, failed: 1, skipped: 0 }, 1],
    [{ passed: 0, failed: 0, skipped: 3 }, 1],
  ])('of %j gives exit status %d', (counts, status) => {
    expect(exitStatus(counts)).toBe(status);
  });
});

describe('expected skips', () => {
  const expected = parseExpectedSkips(
    ['# a comment', '', 'vm-distro | * on iommufd* | off in Debian', 'unit | a (b) | why'].join(
      '\n',
    ),
  );

  test('match a suite and a name', () => {
    expect(isExpectedSkip(expected, 'vm-distro', 'Device on iommufd/edu opens')).toBe(true);
    expect(isExpectedSkip(expected, 'vm-lab', 'Device on iommufd/edu opens')).toBe(false);
    expect(isExpectedSkip(expected, 'unit', 'another')).toBe(false);
  });

  test('take everything but * as it stands', () => {
    expect(isExpectedSkip(expected, 'unit', 'a (b)')).toBe(true);
    expect(isExpectedSkip(expected, 'unit', 'a b')).toBe(false);
  });

  test.each(['unit | a', 'unit | a | ', 'unit'])('refuse a line without a reason: %s', (line) => {
    expect(() => parseExpectedSkips(`\n${line}`)).toThrow('test/expected-skips.txt:2:');
  });
});
