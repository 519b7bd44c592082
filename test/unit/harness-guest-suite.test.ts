// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { projectRoot } from '../../vm/paths.js';
import { guestFolders, inOrder, suiteFiles } from '../harness/guest-suite.js';

test('the file of a machine loads the test files of its folder, the machine first', () => {
  const files = suiteFiles(projectRoot, '/copy');
  const text = files.get('/copy/test/vm/suite.js') ?? '';
  expect(text).toMatch(
    /^require\('\.\/machine\.test\.js'\);\nrequire\('\.\/bind-race\.test\.js'\);\n/,
  );
  expect(files.get('/copy/test/no-iommu/suite.js')).toBe("require('./open.test.js');\n");
});

test('what is no test file is not loaded', () => {
  const root = mkdtempSync(join(tmpdir(), 'vfio-guest-suite-'));
  for (const name of guestFolders) mkdirSync(join(root, 'test', name), { recursive: true });
  for (const name of ['open.test.ts', 'support.ts', 'suite.js']) {
    writeFileSync(join(root, 'test/vm', name), '');
  }
  const texts = [...suiteFiles(root, '/copy').values()];
  rmSync(root, { recursive: true });
  expect(texts).toEqual(["require('./open.test.js');\n", '', '']);
});

test('test files come by name, whatever order they are found in', () => {
  expect(inOrder(['b.test.ts', 'machine.test.ts', 'a.test.ts'])).toEqual([
    'machine.test.ts',
    'a.test.ts',
    'b.test.ts',
  ]);
});

/** One file has them all, so a hook outside of every group would be one of all tests. */
describe.each(guestFolders)('in test/%s no hook or setting is outside of every group', (folder) => {
  const directory = join(projectRoot, 'test', folder);
  test.each(readdirSync(directory))('%s', (name) => {
    const text = readFileSync(join(directory, name), 'utf8');
    expect(text).not.toMatch(/^(beforeEach|afterEach|beforeAll|afterAll|jest\.|use[A-Z]\w*\()/m);
  });
});
