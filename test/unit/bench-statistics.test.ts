// SPDX-License-Identifier: MIT
import { describe, expect, test } from '@jest/globals';
import { allowedProcessors } from '../../bench/processors.js';
import { resultsOf } from '../../bench/results.js';
import { rotated, takeTurns } from '../../bench/rounds.js';
import { samplesOf } from './bench-support.js';

describe('takeTurns', () => {
  const effort = { rounds: 6, nanoseconds: 1000, warmUp: 1 };

  test('gives each contender its turn in every round, and nanoseconds an operation', async () => {
    const order: string[] = [];
    const contender = (name: string, operations?: number) => ({
      name,
      ...(operations && { operations }),
      run(turns: number) {
        order.push(name);
        return turns * 100;
      },
    });
    const samples = await takeTurns([contender('a'), contender('b', 4)], effort);
    expect(samples.get('a')?.distribution().n).toBe(6);
    expect(samples.get('a')?.percentile(50)).toBeCloseTo(100, 0);
    expect(samples.get('b')?.percentile(50)).toBeCloseTo(25, 0);
    const rounds = order.slice(-12);
    expect(rounds.join('')).toBe('abbaabbaabba');
  });

  test('rotates', () => {
    expect(rotated(['a', 'b', 'c'], 4)).toEqual(['b', 'c', 'a']);
    expect(rotated([], 4)).toEqual([]);
  });
});

test('a result is ours, its twin, and the ratio of the medians', () => {
  const samples = new Map([
    ['ours', samplesOf(30)],
    ['theirs', samplesOf(20)],
  ]);
  const row = { name: 'x', ours: 'ours', what: 'w', twin: 'theirs', against: 'C++' };
  const [result] = resultsOf([row], samples, 'ns');
  expect(result).toMatchObject({ name: 'x', unit: 'ns', what: 'w', twin: { what: 'C++' } });
  expect(result?.ratio).toBeCloseTo(1.5, 2);
  expect(() => resultsOf([{ ...row, twin: 'none' }], samples, 'ns')).toThrow('x was not measured');
});

test('the processors a process may use', () => {
  expect(allowedProcessors('Name:\tnode\nCpus_allowed_list:\t0-2,5\n')).toEqual([0, 1, 2, 5]);
  expect(allowedProcessors('Cpus_allowed_list:\t3\n')).toEqual([3]);
  expect(allowedProcessors('')).toEqual([0]);
});
