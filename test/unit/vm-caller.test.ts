// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { callersFolder, treesToShow } from '../../vm/caller.js';

describe('the folder that the command starts in', () => {
  let folder: string;
  beforeEach(() => {
    folder = join(mkdtempSync(join(tmpdir(), 'vfio-caller-')), 'with spaces');
    mkdirSync(folder);
  });
  afterEach(() => rmSync(join(folder, '..'), { recursive: true }));

  test('is the one npm was called in', () => {
    expect(callersFolder({ INIT_CWD: folder })).toBe(folder);
    expect(callersFolder({ INIT_CWD: '/' })).toBe('/');
  });

  test('is that of the process where npm is not there', () => {
    expect(callersFolder({})).toBe(process.cwd());
    expect(callersFolder({ INIT_CWD: '' })).toBe(process.cwd());
  });

  test('is named when it is gone', () => {
    const gone = join(folder, 'gone');
    expect(() => callersFolder({ INIT_CWD: gone })).toThrow(
      expect.objectContaining({
        code: 'ERR_VM_MISSING',
        message: expect.stringMatching(
          `^the command cannot start in your current folder: ENOENT.*'${gone}'`,
        ),
      }),
    );
  });

  test('is named when nobody can enter it', () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(() => callersFolder({ INIT_CWD: file })).toThrow(
      `EACCES: permission denied, access '${file}'`,
    );
  });
});

test.each([
  ['the checkout itself', '/x/clone', ['/x/clone']],
  ['a folder of it', '/x/clone/examples', ['/x/clone', '/x/clone/examples']],
  ['a folder above it', '/x', ['/x', '/x/clone']],
  ['the root', '/', ['/', '/x/clone']],
  ['a folder elsewhere', '/tmp/own', ['/x/clone', '/tmp/own']],
])('called in %s, no tree hides one that was shown before', (_, folder, shown) => {
  expect(treesToShow(['/x/clone', folder])).toEqual(shown);
});
