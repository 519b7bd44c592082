// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { projectRoot } from '../../tools/paths.js';
import { guestFolders, inOrder, suiteFiles } from '../harness/guest-suite.js';

test('the file of a machine loads the test files of its folder, the machine first', () => {
  const files = suiteFiles(projectRoot, '/copy');
  const [first, second, ...others] = (files.get('/copy/test/vm/suite.js') ?? '').split('\n');
  expect(first).toBe("require('../vm/machine.test.js');");
  expect(second).toMatch(/^require\('\.\.\/contract\//);
  expect(others).toContain("require('../vm/bind-race.test.js');");
  expect(files.get('/copy/test/no-iommu/suite.js')).toBe("require('../no-iommu/open.test.js');\n");
});

test('what is no test file is not loaded', () => {
  const root = mkdtempSync(join(tmpdir(), 'vfio-guest-suite-'));
  for (const name of guestFolders) mkdirSync(join(root, 'test', name), { recursive: true });
  for (const name of ['open.test.ts', 'support.ts', 'suite.js']) {
    writeFileSync(join(root, 'test/vm', name), '');
  }
  const texts = [...suiteFiles(root, '/copy').values()];
  rmSync(root, { recursive: true });
  expect(texts).toEqual(["require('../vm/open.test.js');\n", '', '']);
});

test('test files come by name, whatever order they are found in', () => {
  const files = ['vm/b.test.ts', 'vm/machine.test.ts', 'vm/a.test.ts', 'contract/c.test.ts'];
  expect(inOrder(files)).toEqual([
    'vm/machine.test.ts',
    'contract/c.test.ts',
    'vm/a.test.ts',
    'vm/b.test.ts',
  ]);
});

/** The machine loads all test files as one file, so a hook outside of every group would apply to all tests. */
describe.each(guestFolders)('in test/%s no hook or setting is outside of every group', (folder) => {
  const directory = join(projectRoot, 'test', folder);
  test.each(readdirSync(directory))('%s', (name) => {
    const text = readFileSync(join(directory, name), 'utf8');
    expect(text).not.toMatch(/^(beforeEach|afterEach|beforeAll|afterAll|jest\.|use[A-Z]\w*\()/m);
  });
});
