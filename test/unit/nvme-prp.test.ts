// SPDX-License-Identifier: MIT
import { expect, describe as group, test } from '@jest/globals';
import { describe, emptyDataPointer, listPagesFor, PAGE_BYTES } from '../../lib/nvme/prp.js';
import { FakeMemory } from '../support/nvme.js';

const DATA = 0x1_0000_0000n;
const LIST = 0x5_0000_0000n;

/** PRP1, PRP2 and the list pages for `bytes` bytes at `offset` in the memory at {@link DATA}. */
function describeData(offset: number, bytes: number, listPages = 3, listOffset = 0) {
  const data = new FakeMemory(16 * 2 ** 20, DATA);
  const list = new FakeMemory(listOffset + listPages * PAGE_BYTES, LIST);
  const pointer = emptyDataPointer();
  describe(pointer, data, offset, bytes, list, listOffset);
  return {
    prp1: (BigInt(pointer.prp1High) << 32n) | BigInt(pointer.prp1Low),
    prp2: (BigInt(pointer.prp2High) << 32n) | BigInt(pointer.prp2Low),
    list,
  };
}

/** Follows the pointers as a controller does. Returns the address of every page of the data. */
function follow(offset: number, bytes: number): bigint[] {
  const { prp1, prp2, list } = describeData(offset, bytes);
  const pages = [prp1];
  let left = bytes - (PAGE_BYTES - (offset % PAGE_BYTES));
  if (left <= 0) return pages;
  if (left <= PAGE_BYTES) return [...pages, prp2];
  let at = Number(prp2 - LIST);
  while (left > 0) {
    const entry = list.word(at);
    if (at % PAGE_BYTES === PAGE_BYTES - 8 && left > PAGE_BYTES) {
      at = Number(entry - LIST);
      continue;
    }
    pages.push(entry);
    left -= PAGE_BYTES;
    at += 8;
  }
  return pages;
}

function expected(offset: number, bytes: number): bigint[] {
  const first = Math.floor(offset / PAGE_BYTES);
  const last = Math.floor((offset + bytes - 1) / PAGE_BYTES);
  const pages = Array.from({ length: last - first + 1 }, (_, i) => (first + i) * PAGE_BYTES);
  return [DATA + BigInt(offset), ...pages.slice(1).map((page) => DATA + BigInt(page))];
}

group('PRPs', () => {
  test('one page needs PRP1 alone', () => {
    expect(describeData(0, PAGE_BYTES)).toMatchObject({ prp1: DATA, prp2: 0n });
    expect(describeData(512, PAGE_BYTES - 512)).toMatchObject({ prp1: DATA + 512n, prp2: 0n });
  });

  test('data that touches a second page names it in PRP2', () => {
    const prp2 = DATA + 4096n;
    expect(describeData(0, PAGE_BYTES + 512)).toMatchObject({ prp1: DATA, prp2 });
    expect(describeData(0, 2 * PAGE_BYTES)).toMatchObject({ prp1: DATA, prp2 });
    expect(describeData(512, PAGE_BYTES)).toMatchObject({ prp1: DATA + 512n, prp2 });
    expect(describeData(4092, PAGE_BYTES)).toMatchObject({ prp1: DATA + 4092n, prp2 });
  });

  test('a third page makes PRP2 a list', () => {
    const { prp1, prp2, list } = describeData(0, 2 * PAGE_BYTES + 512);
    expect([prp1, prp2]).toEqual([DATA, LIST]);
    expect([0, 8, 16].map((at) => list.word(at))).toEqual([DATA + 4096n, DATA + 8192n, 0n]);
  });

  test('an unaligned start needs the list one page earlier', () => {
    const { prp1, prp2, list } = describeData(4, 2 * PAGE_BYTES);
    expect([prp1, prp2]).toEqual([DATA + 4n, LIST]);
    expect([0, 8, 16].map((at) => list.word(at))).toEqual([DATA + 4096n, DATA + 8192n, 0n]);
  });

  test('a list begins where it was told to', () => {
    const { prp2, list } = describeData(0, 3 * PAGE_BYTES, 1, 2 * PAGE_BYTES);
    expect(prp2).toBe(LIST + 8192n);
    expect(list.word(2 * PAGE_BYTES)).toBe(DATA + 4096n);
    expect(list.u32.subarray(0, (2 * PAGE_BYTES) / 4).every((dword) => dword === 0)).toBe(true);
  });

  test('a list of 512 entries is one full page without a pointer', () => {
    const { list } = describeData(0, 513 * PAGE_BYTES);
    expect(list.word(4088)).toBe(DATA + BigInt(512 * PAGE_BYTES));
    expect(list.word(4096)).toBe(0n);
  });

  test('a list of 513 entries points from its last slot to the next page', () => {
    const { list } = describeData(0, 514 * PAGE_BYTES);
    expect(list.word(4080)).toBe(DATA + BigInt(511 * PAGE_BYTES));
    expect(list.word(4088)).toBe(LIST + 4096n);
    expect(list.word(4096)).toBe(DATA + BigInt(512 * PAGE_BYTES));
    expect(list.word(4104)).toBe(DATA + BigInt(513 * PAGE_BYTES));
    expect(list.word(4112)).toBe(0n);
  });

  test('a controller that follows them finds every page, at all sizes and offsets', () => {
    const offsets = [0, 4, 512, 2048, 4092, 4096, 9000 & ~3];
    const counts = [1, 2, 3, 8, 511, 512, 513, 514, 1023, 1024, 1025];
    for (const offset of offsets) {
      for (const pages of counts) {
        for (const bytes of [pages * PAGE_BYTES, pages * PAGE_BYTES - 512]) {
          expect(follow(offset, bytes)).toEqual(expected(offset, bytes));
        }
      }
    }
  });
});

test('list pages: the first slot lost to a pointer costs a page', () => {
  expect(listPagesFor(512)).toBe(0);
  expect(listPagesFor(PAGE_BYTES)).toBe(0);
  expect(listPagesFor(2 * PAGE_BYTES)).toBe(1);
  expect(listPagesFor(512 * PAGE_BYTES)).toBe(1);
  expect(listPagesFor(513 * PAGE_BYTES)).toBe(2);
  expect(listPagesFor(1023 * PAGE_BYTES)).toBe(2);
  expect(listPagesFor(1024 * PAGE_BYTES)).toBe(3);
});
