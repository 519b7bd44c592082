// SPDX-License-Identifier: MIT
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  type Access,
  accessOf,
  formatAccesses,
  type Kind,
  PAGES,
  parseAccesses,
} from '../exact/notation.js';

const access: fc.Arbitrary<Access> = fc.record({
  kind: fc.constantFrom<Kind>('R', 'W', 'M', 'L'),
  width: fc.constantFrom(1, 2, 4, 8, 16),
  page: fc.constantFrom(...PAGES),
  offset: fc.nat({ max: 0x3fff }),
});

/** Lists of accesses with repetitions and ascending runs, which purely random accesses hardly ever have. */
const accesses = fc
  .array(fc.tuple(access, fc.integer({ min: 1, max: 5 }), fc.boolean()))
  .map((runs) =>
    runs.flatMap(([first, count, ascending]) =>
      Array.from({ length: count }, (_, index) => ({
        ...first,
        offset: first.offset + (ascending ? index * first.width : 0),
      })),
    ),
  );

test('what is written can be read back', () => {
  fc.assert(
    fc.property(accesses, (list) => {
      expect(parseAccesses(formatAccesses(list))).toEqual(list);
    }),
  );
});

test.each([
  ['-', 0],
  ['R4', 1],
  ['R4x3', 3],
  ['W4@0x1000 R4@0x1004', 2],
  ['R1@0x10 R1@0x13 R1@0x11 R1@0x12', 4],
  ['W4x4@dma:0x0+ W4@0x1000', 5],
  ['R4x2 R4x99@0x4+', 101],
  ['L4@0x10', 1],
])('%s is how it is written', (text, count) => {
  expect(parseAccesses(text)).toHaveLength(count);
  expect(formatAccesses(parseAccesses(text))).toBe(text);
});

test.each(['', 'R', 'R4 ', 'R4@10', 'X4', 'R4@sram:0x0', 'R4@0x0x3'])('"%s" is refused', (text) => {
  expect(() => parseAccesses(text)).toThrow('is not an access');
});

describe('an access of the trap', () => {
  const trapped = { page: 'bar', offset: 0x10 } as const;

  test('has the direction of the fault and the width of the instruction', () => {
    const read = accessOf({ ...trapped, write: false, code: '0fb702' });
    expect(read).toEqual({ kind: 'R', width: 2, page: 'bar', offset: 0x10 });
    const write = accessOf({ ...trapped, write: true, code: 'a5' });
    expect(write).toEqual({ kind: 'W', width: 4, page: 'bar', offset: 0x10 });
  });

  test('is told apart when it reads and writes', () => {
    expect(accessOf({ ...trapped, write: true, code: '8702' })?.kind).toBe('L');
    expect(accessOf({ ...trapped, write: true, code: '0102' })?.kind).toBe('M');
  });

  test('is none when its instruction cannot have made it', () => {
    expect(accessOf({ ...trapped, write: true, code: '8b02' })).toBeUndefined();
    expect(accessOf({ ...trapped, write: false, code: '8902' })).toBeUndefined();
    expect(accessOf({ ...trapped, write: false, code: '0f0b' })).toBeUndefined();
  });
});
