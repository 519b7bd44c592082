// SPDX-License-Identifier: MIT
import { describe, expect, test } from '@jest/globals';
import { allBut, onlyOf, parseTestList, readTestList } from '../harness/test-list.js';

describe('a list of tests', () => {
  const list = parseTestList(
    'list.txt',
    '# a comment\n\nbinding on type1 * | writes to sysfs\na (b) | c\n',
  );
  const allButList = (name: string, pattern?: string) =>
    new RegExp(allBut(list, pattern), 'i').test(name);
  const onlyList = (name: string, pattern?: string) =>
    new RegExp(onlyOf(list, pattern), 'i').test(name);

  test('leaves out those with these whole names, and no others', () => {
    expect(allButList('binding on type1 a device')).toBe(false);
    expect(allButList('after binding on type1 a device')).toBe(true);
    expect(allButList('a (b)')).toBe(false);
    expect(allButList('a (b) c')).toBe(true);
  });

  test('leaves them out of those that a pattern selects, too', () => {
    expect(allButList('a device opens', 'OPENS|closes')).toBe(true);
    expect(allButList('a device closes', 'opens|closes')).toBe(true);
    expect(allButList('a device resets', 'opens|closes')).toBe(false);
    expect(allButList('binding on type1 a device', 'device')).toBe(false);
  });

  test('selects those with these whole names, and no others', () => {
    expect(onlyList('binding on type1 a device')).toBe(true);
    expect(onlyList('after binding on type1 a device')).toBe(false);
    expect(onlyList('a (b)')).toBe(true);
    expect(onlyList('a (b) c')).toBe(false);
  });

  test('selects of them those that a pattern selects', () => {
    expect(onlyList('binding on type1 a device', 'DEVICE|disk')).toBe(true);
    expect(onlyList('binding on type1 a disk', 'DEVICE|disk')).toBe(true);
    expect(onlyList('binding on type1 a route', 'device|disk')).toBe(false);
    expect(onlyList('a device', 'device')).toBe(false);
  });

  test.each(['binding', 'binding | ', 'a | b | c'])('needs a reason: %j', (line) => {
    expect(() => parseTestList('list.txt', `\n${line}`)).toThrow('test/list.txt:2:');
  });

  test.each(['root-only.txt', 'per-kernel.txt'])('is test/%s', (file) => {
    expect(readTestList(file).length).toBeGreaterThan(0);
  });
});
