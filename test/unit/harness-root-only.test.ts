// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { projectRoot } from '../../vm/paths.js';
import { allBut, parseRootOnly } from '../harness/root-only.js';

describe('the tests that only root can do', () => {
  const rootOnly = parseRootOnly(
    '# a comment\n\nbinding on type1 * | writes to sysfs\na (b) | c\n',
  );
  const runs = (name: string, pattern?: string) =>
    new RegExp(allBut(rootOnly, pattern), 'i').test(name);

  test('are left out by their whole names, and no others', () => {
    expect(runs('binding on type1 a device')).toBe(false);
    expect(runs('after binding on type1 a device')).toBe(true);
    expect(runs('a (b)')).toBe(false);
    expect(runs('a (b) c')).toBe(true);
  });

  test('are left out of those that a pattern selects, too', () => {
    expect(runs('a device opens', 'OPENS|closes')).toBe(true);
    expect(runs('a device resets', 'opens|closes')).toBe(false);
    expect(runs('binding on type1 a device', 'device')).toBe(false);
  });

  test.each(['binding', 'binding | ', 'a | b | c'])('need a reason: %j', (line) => {
    expect(() => parseRootOnly(`\n${line}`)).toThrow('test/root-only.txt:2:');
  });

  test('stand in test/root-only.txt', () => {
    const text = readFileSync(join(projectRoot, 'test/root-only.txt'), 'utf8');
    expect(parseRootOnly(text).length).toBeGreaterThan(0);
  });
});
