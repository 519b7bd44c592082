// SPDX-License-Identifier: MIT
// Every way to access a region, for tests that must cover all of them.
import type { AccessArray, Region } from '../../lib/index.js';

/** Accesses at most 16 bytes at an offset that is a multiple of 8. It does not check the value. */
export type AnyAccess = (region: Region, offset: number) => unknown;

const arrays: [string, () => AccessArray][] = [
  ['8', () => new Uint8Array(2)],
  ['16', () => new Uint16Array(2)],
  ['32', () => new Uint32Array(2)],
  ['64', () => new BigUint64Array(2)],
];

/**
 * Each access by its name. Doorbells are not here: a doorbell does not report a lost write, see {@link
 * Region.doorbell}.
 */
export const everyAccess: [string, AnyAccess][] = [
  ['read8', (region, offset) => region.read8(offset)],
  ['read16', (region, offset) => region.read16(offset)],
  ['read32', (region, offset) => region.read32(offset)],
  ['read64', (region, offset) => region.read64(offset)],
  ['write8', (region, offset) => region.write8(offset, 0)],
  ['write16', (region, offset) => region.write16(offset, 0)],
  ['write32', (region, offset) => region.write32(offset, 0)],
  ['write64', (region, offset) => region.write64(offset, 0n)],
  ['write32Flush', (region, offset) => region.write32Flush(offset, 0)],
  ['read64LowFirst', (region, offset) => region.read64LowFirst(offset)],
  ['read64HighFirst', (region, offset) => region.read64HighFirst(offset)],
  ['write64LowFirst', (region, offset) => region.write64LowFirst(offset, 0n)],
  ['write64HighFirst', (region, offset) => region.write64HighFirst(offset, 0n)],
  ['poll32', (region, offset) => region.poll32(offset, 0, 0)],
  ...arrays.flatMap(([width, make]): [string, AnyAccess][] => [
    [`readArray of ${width} bits`, (region, offset) => region.readArray(offset, make())],
    [`writeArray of ${width} bits`, (region, offset) => region.writeArray(offset, make())],
  ]),
  ...([8, 16, 32, 64] as const).flatMap((width): [string, AnyAccess][] => [
    [
      `a batch that reads ${width} bits`,
      (region, offset) => region.batch([{ offset, width }]).run(),
    ],
    [
      `a batch that writes ${width} bits`,
      (region, offset) => region.batch([{ offset, width, write: width === 64 ? 0n : 0 }]).run(),
    ],
  ]),
];
