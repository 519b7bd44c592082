// SPDX-License-Identifier: MIT
// Bits of register values: in numbers up to 32 bits, in bigints for 64. A BigInt costs an allocation for each
// operation.
import { rangeError } from '../errors.js';
import { expected, show } from '../internal/validate.js';

/** A register's value. */
export type Word = number | bigint;

export interface Arithmetic<V extends Word> {
  readonly zero: V;
  and(a: V, b: V): V;
  or(a: V, b: V): V;
  /** The bits of `word` that are not in `mask`. */
  without(word: V, mask: V): V;
  /** Ones from bit `high` to bit `low`. */
  ones(high: number, low: number): V;
  /** Makes the function that takes these bits out of a value: a number where they are up to 32. */
  extractor(high: number, low: number): (word: V) => Word;
  /** What a field's value, already checked, is at its place. */
  place(value: Word, low: number): V;
  /** Makes the function that throws for what is no value of so many bits; `name` says for what. */
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

/** The error for what is not `bits` bits: a number up to 32 of them, else a bigint. */
export function wordError(name: string, value: unknown, bits: number): Error {
  const [type, kind] = bits > 32 ? ['bigint', 'a bigint'] : ['number', 'an integer'];
  if (typeof value !== type) return expected(kind, name, value);
  const size = bits === 1 ? '1 bit' : `${bits} bits`;
  return rangeError(
    `Expected ${kind} of ${size}, not negative, for ${name} but received ${show(value)}`,
  );
}

/** The greatest number of so many bits, up to 32. */
function onesOf(bits: number): number {
  return 2 ** bits - 1;
}

/** For fields of up to 31 bits, whose mask and values are small integers to the engine. */
function shifter(low: number, ones: number): (word: number) => number {
  return (word) => (word >>> low) & ones;
}

// A 64-bit value and its halves, low first (the package is little-endian only). Taking a field
// through them makes no BigInt, which shifting the value would.
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
