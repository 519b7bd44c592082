// SPDX-License-Identifier: MIT
// Arithmetic on register values: numbers up to 32 bits, bigints for 64. Each bigint operation costs an
// allocation.
import { rangeError } from '../errors.js';
import { unsignedAdvice } from '../internal/unsigned.js';
import { expected, show } from '../internal/validate.js';

/** The value of a register or a field. */
export type Word = number | bigint;

export interface Arithmetic<V extends Word> {
  readonly zero: V;
  and(a: V, b: V): V;
  or(a: V, b: V): V;
  /** The bits of `word` that are not in `mask`. */
  without(word: V, mask: V): V;
  /** A mask with ones from bit `high` down to bit `low`. */
  ones(high: number, low: number): V;
  /**
   * Makes a function that extracts these bits from a value: as a number up to 32 bits, otherwise as a bigint.
   */
  extractor(high: number, low: number): (word: V) => Word;
  /** Shifts a field's value, which was checked before, to its place in the register. */
  place(value: Word, low: number): V;
  /**
   * Makes a function that checks a value of this many bits and throws if it does not fit. `name` is the name
   * in the message.
   */
  checker(name: string, bits: number): (value: unknown) => V;
}

export const numbers: Arithmetic<number> = {
  zero: 0,
  and: (a, b) => (a & b) >>> 0,
  or: (a, b) => (a | b) >>> 0,
  without: (word, mask) => (word & ~mask) >>> 0,
  ones: (high, low) => onesOf(high - low + 1) * 2 ** low,
  extractor: (high, low) =>
    high - low === 31 ? (word) => word : shifter(low, onesOf(high - low + 1)),
  place: (value, low) => ((value as number) << low) >>> 0,
  checker(name, bits) {
    const most = onesOf(bits);
    return (value) => {
      if (typeof value === 'number' && value % 1 === 0 && value >= 0 && value <= most) return value;
      throw wordError(name, value, bits);
    };
  },
};

export const bigints: Arithmetic<bigint> = {
  zero: 0n,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  without: (word, mask) => word & ~mask,
  ones: (high, low) => BigInt.asUintN(high - low + 1, -1n) << BigInt(low),
  extractor: bigintExtractor,
  place: (value, low) => BigInt(value) << BigInt(low),
  checker(name, bits) {
    return (value) => {
      if (typeof value === 'bigint' && BigInt.asUintN(bits, value) === value) return value;
      throw wordError(name, value, bits);
    };
  },
};

/** The error for a value that does not fit into `bits` bits: a number up to 32 bits, otherwise a bigint. */
export function wordError(name: string, value: unknown, bits: number): Error {
  const [type, kind] = bits > 32 ? ['bigint', 'a bigint'] : ['number', 'an integer'];
  if (typeof value !== type) return expected(kind, name, value);
  const most = bits > 32 ? `2^${bits} - 1` : `0x${onesOf(bits).toString(16)}`;
  return rangeError(
    `Expected ${kind} from 0 to ${most} for ${name} but received ${show(value)}` +
      unsignedAdvice(value, bits),
  );
}

/** The largest number with this many bits, up to 32. */
function onesOf(bits: number): number {
  return 2 ** bits - 1;
}

/** For fields of up to 31 bits: their masks and values are small integers for the engine. */
function shifter(low: number, ones: number): (word: number) => number {
  return (word) => (word >>> low) & ones;
}

// A 64-bit value and its two halves, low half first (the package is little-endian only). Extracting a field
// from the halves makes no BigInt. Shifting the 64-bit value would.
const whole = new BigUint64Array(1);
const halves = new Uint32Array(whole.buffer);

function bigintExtractor(high: number, low: number): (word: bigint) => Word {
  if (high - low >= 32) {
    const [size, shift] = [high - low + 1, BigInt(low)];
    return (word) => BigInt.asUintN(size, word >> shift);
  }
  if (low >= 32) return halfExtractor(1, high - 32, low - 32);
  if (high < 32) return halfExtractor(0, high, low);
  const ones = onesOf(high - low + 1) | 0;
  return (word) => {
    whole[0] = word;
    return ((((halves[0] as number) >>> low) | ((halves[1] as number) << (32 - low))) & ones) >>> 0;
  };
}

function halfExtractor(half: 0 | 1, high: number, low: number): (word: bigint) => Word {
  const extract = numbers.extractor(high, low);
  return (word) => {
    whole[0] = word;
    return extract(halves[half] as number);
  };
}
