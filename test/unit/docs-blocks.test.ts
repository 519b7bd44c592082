// SPDX-License-Identifier: MIT
import { describe, expect, test } from '@jest/globals';
import { blocksOf, isUpToDate, withBlocks } from '../../docs/generate/blocks.js';
import { exactness } from '../../docs/generate/exactness.js';

const block = (name: string, text: string) =>
  `<!-- begin generated: ${name} -->\n${text}<!-- end generated: ${name} -->`;
const table = '| x | 1.5 |';
const generator = (measured: boolean, text: string) => ({ measured, markdown: () => text });

describe('generated blocks', () => {
  test('are replaced by what their generators make, and nothing else is', () => {
    const before = `a\n${block('one', 'old\n')}\nb\n${block('two', '')}\n<!-- begin x -->\n`;
    expect(withBlocks(before, (name) => name.toUpperCase())).toBe(
      `a\n${block('one', '\nONE\n\n')}\nb\n${block('two', '\nTWO\n\n')}\n<!-- begin x -->\n`,
    );
  });

  test('stay as they are when they are written again', () => {
    const written = withBlocks(block('one', ''), () => table);
    expect(withBlocks(written, () => table)).toBe(written);
    expect(blocksOf(written).map((one) => isUpToDate(one, generator(false, table)))).toEqual([
      true,
    ]);
  });

  test('have text that is taken as it is', () => {
    expect(withBlocks(block('one', ''), () => '$1 $&')).toContain('\n$1 $&\n');
  });

  test.each([
    ['no end', '<!-- begin generated: one -->\n'],
    ['the end of another', '<!-- begin generated: one -->\n<!-- end generated: two -->\n'],
  ])('with %s are refused', (_, document) => {
    expect(() => blocksOf(document)).toThrow('is not closed');
  });
});

describe('a block is up to date', () => {
  const [one] = blocksOf(withBlocks(block('one', ''), () => table)) as [never];

  test('when every character is the same', () => {
    expect(isUpToDate(one, generator(false, table))).toBe(true);
    expect(isUpToDate(one, generator(false, '| x | 1.6 |'))).toBe(false);
  });

  test('when all but its numbers is the same, where they are measured', () => {
    expect(isUpToDate(one, generator(true, '| x |  12 |'))).toBe(true);
    expect(isUpToDate(one, generator(true, '| y | 1.5 |'))).toBe(false);
  });
});

test('the matrix says what is executed in place of what is written', () => {
  const rows = exactness.markdown('').split('\n');
  const rowOf = (code: string) => rows.find((row) => row.startsWith(`| \`${code}\` |`));
  expect(rowOf('r = (u32[4] & 1) !== 0')).toContain('`R1@0x10`');
  expect(rowOf('u32[4] \\|= 4')).toBe('| `u32[4] \\|= 4` | `R4@0x10 W4@0x10` | ✓ | ✓ | ✓ | ✓ |');
  const columns = rows
    .filter((row) => row.startsWith('|'))
    .map((row) => row.match(/ \| /g)?.length);
  expect(new Set(columns).size).toBe(1);
});
