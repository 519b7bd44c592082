// SPDX-License-Identifier: MIT
// What a register map is written in: the argument of defineRegisters.

/** How wide a register is, in bits: the width of each access to it. */
export type RegisterWidth = 8 | 16 | 32 | 64;

/**
 * What accesses to a register do, and to its bits that no field names:
 * - `rw`: reads give what was written.
 * - `ro`: reads only.
 * - `wo`: writes only; what a read gives means nothing.
 * - `w1c`: a bit written as 1 is cleared, one written as 0 stays as it is.
 * - `rc`: reads only, and each clears: what is not kept of it is lost. So only `read()` and `get()`
 *   read such a register, no property and no text does, and tools that show registers leave it out.
 */
export type RegisterAccess = 'rw' | 'ro' | 'wo' | 'w1c' | 'rc';

/**
 * What a field does within a register that is `rw` or `w1c`, where it differs from the rest: `wo`
 * is a command bit, whose 0 means nothing. Reading clears whole registers, so there are no `rc`
 * fields.
 */
export type FieldAccess = Exclude<RegisterAccess, 'rc'>;

/** One bit, or the highest and the lowest of several. Bit 0 is the least significant. */
export type FieldBits = number | readonly [high: number, low: number];

/** A field that is more than its bits. */
export interface FieldSpec {
  /** Where it is. */
  readonly bits: FieldBits;
  /** Default: the register's. */
  readonly access?: FieldAccess;
  /** Names of values, for text: `{ none: 0, normal: 1 }`. */
  readonly values?: Readonly<Record<string, number>>;
  /** The long name. */
  readonly doc?: string;
}

/** What a bound register has beside its fields, and so no field can be called. */
export const reservedNames = [
  'name',
  'offset',
  'read',
  'write',
  'get',
  'set',
  'clear',
  'describe',
] as const;

/** The fields of a register by name. */
export type FieldSpecs = Readonly<Record<string, FieldBits | FieldSpec>> & {
  readonly [Name in (typeof reservedNames)[number]]?: never;
};

/** One register, or an array of equal ones. */
export interface RegisterSpec {
  /** Bytes from the start of the region, a multiple of the width. */
  readonly at: number;
  /** In bits; default 32. */
  readonly width?: RegisterWidth;
  /** Default `rw`. */
  readonly access?: RegisterAccess;
  readonly fields?: FieldSpecs;
  /** The long name. */
  readonly doc?: string;
  /** Makes it an array of so many. */
  readonly count?: number;
  /** Bytes from one of an array to the next; default: they touch. */
  readonly stride?: number;
}

/** The registers of a device by name. */
export type RegisterSpecs = Readonly<Record<string, RegisterSpec>>;
