// SPDX-License-Identifier: MIT
// The file tables of ARCHITECTURE.md, and the folders that it leaves out.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { fileTable } from '../../docs/generate/files.js';
import { firstSentence, LONGEST } from '../../docs/generate/first-sentence.js';
import { leftOut } from '../../docs/generate/folders.js';

const license = '// SPDX-License-Identifier: MIT\n';
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'vfio-docs-'));
});

afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

describe('the first sentence of a file', () => {
  test.each([
    ['over two lines', '// Reads\n// bytes. Then more.\ncode();\n', 'Reads bytes'],
    [
      'with full stops in it',
      '// Reads setup.mjs 2.0 of vm. again. `x` too.\n',
      'Reads setup.mjs 2.0 of vm. again',
    ],
    ['without a full stop', '// Reads bytes\n//\n// And more.\n', 'Reads bytes'],
    ['before a line that is set in', '// Reads bytes\n//   npm run it\n', 'Reads bytes'],
    ['of a list', '# Reads bytes.\n#\n# name | reason\n', 'Reads bytes'],
  ])('%s', (_, source, sentence) => {
    expect(firstSentence(license + source)).toBe(sentence);
  });

  test.each([
    ['no comment', 'code();\n// Late.\n', 'it has no first comment'],
    ['a comment on something else', '\n/** What it does. */\ncode();\n', 'it has no first comment'],
    ['too long a sentence', `// ${'x'.repeat(LONGEST + 1)}.\n`, `has ${LONGEST + 1} characters`],
  ])('%s is refused', (_, source, message) => {
    expect(() => firstSentence(license + source)).toThrow(message);
  });
});

describe('the table of a folder', () => {
  test('has a row for each file, one for a header and its source, and none for tests', () => {
    write('native/b.cc', `${license}#include "b.h"\n`);
    write('native/b.h', `${license}// A | b.\n`);
    write('native/a.ts', `${license}// An a.\n`);
    write('native/a.test.ts', license);
    write('native/inner/c.ts', license);
    expect(fileTable(root, 'native').split('\n').slice(2)).toEqual([
      '| `a.ts` | An a |',
      '| `b.{h,cc}` | A \\| b |',
    ]);
  });

  test('is refused with the name of each file that does not say what it is', () => {
    write('native/a.ts', 'code();\n');
    write('native/b.ts', `// ${'x'.repeat(200)}\n`);
    expect(() => fileTable(root, 'native')).toThrow(/^native\/a\.ts: .*\nnative\/b\.ts: .*$/);
  });
});

test('a folder with sources and a page have to be mentioned', () => {
  write('lib/a.ts', '');
  write('lib/inner/a.ts', '');
  write('build/a.ts', '');
  write('data/a.json', '');
  write('docs/page.md', '');
  expect(leftOut(root, '`lib/` <!-- begin generated: files lib -->')).toEqual([
    expect.stringContaining('`lib/inner/`'),
    expect.stringContaining('docs/page.md'),
  ]);
  const table = (folder: string) => `<!-- begin generated: files ${folder} -->`;
  const mentions = `\`lib/\` ${table('lib')} \`lib/inner/\` (docs/page.md)`;
  expect(leftOut(root, mentions)).toEqual([expect.stringContaining('`files lib/inner`')]);
  expect(leftOut(root, mentions + table('lib/inner'))).toEqual([]);
});

test('a folder that has only tests needs no table', () => {
  write('test/vm/a.test.ts', '');
  write('docs/page.md', '');
  expect(leftOut(root, '`test/vm/` (docs/page.md)')).toEqual([]);
});
