// SPDX-License-Identifier: MIT
// The specification of a register map: the argument of defineRegisters.

/** The width of a register in bits. Each access to the register has this width. */
export type RegisterWidth = 8 | 16 | 32 | 64;

/**
 * The order of the two 32-bit accesses of a 64-bit register that must be accessed as halves: first the low
 * half (`lowFirst`) or first the high half (`highFirst`). The low half is at the lower address.
 */
export type RegisterHalves = 'lowFirst' | 'highFirst';

/**
 * What accesses do to a register, and to its bits that no field names:
 * - `rw`: a read returns what was written.
 * - `ro`: read only.
 * - `wo`: write only. The value of a read means nothing.
 * - `w1c`: writing 1 clears a bit, writing 0 leaves it as it is.
 * - `rc`: read only, and each read clears the register, so a value that the program does not keep is lost.
 *   Only `read()` and `get()` read such a register. No field property, `describe()` or `until()` reads it, and
 *   tools that show registers must leave it out. The data port of a FIFO, where each read takes a word, is
 *   `rc` too.
 */
export type RegisterAccess = 'rw' | 'ro' | 'wo' | 'w1c' | 'rc';

/**
 * What accesses do to a field of an `rw` or `w1c` register, if that differs from the register. For example,
 * `wo` is a command bit whose 0 means nothing. There are no `rc` fields, because a read clears whole
 * registers.
 */
export type FieldAccess = Exclude<RegisterAccess, 'rc'>;

/** One bit, or the highest and the lowest bit of several. Bit 0 is the least significant bit. */
export type FieldBits = number | readonly [high: number, low: number];

/** A field with more than its bits: access, names of values, a long name. */
export interface FieldSpec {
  /** The bits of the field. */
  readonly bits: FieldBits;
  /** What accesses do to it. Default: the access of the register. */
  readonly access?: FieldAccess;
  /** Names of values, for `describe()`: `{ none: 0, normal: 1 }`. Two names cannot have the same value. */
  readonly values?: Readonly<Record<string, number>>;
  /** The long name of the field. */
  readonly doc?: string;
}

/** The properties that a bound register has besides its fields. No field can have one of these names. */
export const reservedNames = [
  'name',
  'offset',
  'read',
  'write',
  'get',
  'set',
  'clear',
  'describe',
  'until',
] as const;

/** The fields of a register by name. */
export type FieldSpecs = Readonly<Record<string, FieldBits | FieldSpec>> & {
  readonly [Name in (typeof reservedNames)[number]]?: never;
};

/** One register, or an array of equal registers. */
export interface RegisterSpec {
  /**
   * The offset in bytes from the start of the region or memory (plus `base`, if bound with one). A multiple
   * of the width.
   */
  readonly at: number;
  /** The width in bits: 8, 16, 32 or 64; default 32. */
  readonly width?: RegisterWidth;
  /**
   * Makes each read and each write of a 64-bit register two accesses of 32 bits, in this order. Its offset and
   * stride are multiples of 4 then. Default: one access of 64 bits.
   */
  readonly halves?: RegisterHalves;
  /** What accesses do to it; default `rw`. */
  readonly access?: RegisterAccess;
  /** The fields of the register by name. Two fields cannot share a bit. */
  readonly fields?: FieldSpecs;
  /** The long name of the register. */
  readonly doc?: string;
  /** Makes it an array of this many registers, from 1 to 2^20. */
  readonly count?: number;
  /** Bytes from one register of the array to the next, a multiple of the width. Default: the width. */
  readonly stride?: number;
}

/** The registers of a device by name. */
export type RegisterSpecs = Readonly<Record<string, RegisterSpec>>;
