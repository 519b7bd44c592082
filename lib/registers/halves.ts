// SPDX-License-Identifier: MIT
// The read and the write of a 64-bit register that is accessed as two 32-bit halves, in the order of its map.
import { wordError } from './arithmetic.js';
import type { RegisterHalves } from './specification.js';
import type { RegisterSpace } from './types.js';

export function halvesReaderOf(
  space: RegisterSpace,
  halves: RegisterHalves,
  offset: number,
): () => bigint {
  if (halves === 'lowFirst') {
    return () => {
      const low = space.read32(offset);
      return (BigInt(space.read32(offset + 4)) << 32n) | BigInt(low);
    };
  }
  return () => {
    const high = space.read32(offset + 4);
    return (BigInt(high) << 32n) | BigInt(space.read32(offset));
  };
}

export function halvesWriterOf(
  space: RegisterSpace,
  halves: RegisterHalves,
  offset: number,
  name: string,
): (value: bigint) => void {
  const lowIsFirst = halves === 'lowFirst';
  return (value) => {
    if (typeof value !== 'bigint' || BigInt.asUintN(64, value) !== value)
      throw wordError(name, value, 64);
    const [low, high] = [Number(value & 0xffff_ffffn), Number(value >> 32n)];
    if (lowIsFirst) space.write32(offset, low);
    space.write32(offset + 4, high);
    if (!lowIsFirst) space.write32(offset, low);
  };
}
