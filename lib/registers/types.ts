// SPDX-License-Identifier: MIT
// The types of a register map: its registers, fields and methods, as numbers or bigints.
import type { DmaBuffer } from '../dma.js';
import type { PollOptions } from '../internal/polling.js';
import type { Region } from '../region.js';
import type {
  FieldBits,
  FieldSpec,
  RegisterAccess,
  RegisterHalves,
  RegisterSpec,
  RegisterSpecs,
  RegisterWidth,
} from './specification.js';

type WidthOf<R> = 'width' extends keyof R ? NonNullable<R['width']> : 32;
type AccessOf<R> = 'access' extends keyof R ? NonNullable<R['access']> : 'rw';
// biome-ignore lint/complexity/noBannedTypes: a register without fields has no keys, as {} has
type FieldsOf<R> = 'fields' extends keyof R ? Literal<NonNullable<R['fields']>> : {};
/** If the map is not known before run time, fields can have any name. */
type Literal<F> = string extends keyof F ? Readonly<Record<string, FieldBits | FieldSpec>> : F;

type BitsOf<F> = F extends { readonly bits: infer B } ? B : F;
type FieldAccessOf<R, F> = F extends { readonly access: infer A } ? A : AccessOf<R>;

/** The names of the fields whose access is one of A. */
type NamesWith<R, A> = {
  [K in keyof FieldsOf<R>]: FieldAccessOf<R, FieldsOf<R>[K]> extends A ? K : never;
}[keyof FieldsOf<R>] &
  string;

type ValueOfWidth<W> = W extends 64 ? bigint : number;
type FieldValue<R, F> =
  WidthOf<R> extends infer W ? (W extends 64 ? ValueOfBits<BitsOf<F>> : number) : never;

type ValueOfBits<B> = B extends readonly [infer High extends number, infer Low extends number]
  ? number extends High | Low
    ? number | bigint
    : Ones<High> extends [...Ones<Low>, ...Ones<32>, ...1[]]
      ? bigint
      : number
  : number;

/** A tuple of length N, to compare bit numbers with. Bit numbers end at 63. */
type Ones<N extends number, T extends 1[] = []> = T['length'] extends N | 64
  ? T
  : Ones<N, [...T, 1]>;

type AtLeastOne<T> = [T, ...T[]];

/** The whole value of a register: a bigint if the register has 64 bits, otherwise a number. */
export type RegisterValue<R> = ValueOfWidth<WidthOf<R>>;

/**
 * The fields of a register by name. A field of up to 32 bits is a number. A wider one (in a 64-bit register)
 * is a bigint.
 */
export type RegisterFields<R, A = RegisterAccess> = {
  -readonly [K in keyof FieldsOf<R> as FieldAccessOf<R, FieldsOf<R>[K]> extends A
    ? K
    : never]: FieldValue<R, FieldsOf<R>[K]>;
};

/** The definition of a field. */
export interface FieldDefinition {
  /** The highest bit of the field, from 0 to 63. */
  readonly high: number;
  /** The lowest bit of the field, from 0 to 63. */
  readonly low: number;
  /** What accesses do to it. */
  readonly access: RegisterAccess;
  /** Its values by their names; empty if no value has a name. */
  readonly values: Readonly<Record<string, number>>;
  /** Its long name. */
  readonly doc: string | undefined;
}

/**
 * The definition of a register in a map, without a device. It encodes, decodes and describes values. Its
 * methods throw a TypeError `ERR_INVALID_ARG_TYPE` for a value of the wrong type, a TypeError
 * `ERR_INVALID_ARG_VALUE` for a field that the register does not have, and a RangeError `ERR_VFIO_RANGE` for
 * a value that does not fit.
 */
export interface RegisterDefinition<R = RegisterSpec> {
  /** Its name in the map. */
  readonly name: string;
  /** The offset in bytes from the start of the map. */
  readonly at: number;
  /** The width in bits. */
  readonly width: RegisterWidth;
  /** The order of the two 32-bit accesses that access it; undefined if one access of its width does. */
  readonly halves: RegisterHalves | undefined;
  /** What accesses do to it. Tools that show registers must leave out `rc` registers. */
  readonly access: RegisterAccess;
  /** Its long name. */
  readonly doc: string | undefined;
  /** How many registers the array has; undefined for a single register. */
  readonly count: number | undefined;
  /** Bytes from one register of the array to the next; undefined for a single register. */
  readonly stride: number | undefined;
  /** Its fields by name. */
  readonly fields: { readonly [K in keyof FieldsOf<R>]: FieldDefinition };
  /** Returns the value of the register with these fields. All other bits are 0. */
  encode(values: Partial<RegisterFields<R>>): RegisterValue<R>;
  /** Returns all fields of a value. */
  decode(value: RegisterValue<R>): RegisterFields<R>;
  /** Returns a mask with ones in the bits of these fields. */
  mask(...fields: AtLeastOne<keyof FieldsOf<R> & string>): RegisterValue<R>;
  /**
   * Returns a value as text, like `CC 0x00460001 EN=1 SHN=none IOSQES=6`, with all fields in the order of the
   * map. A value is shown by its name if it has one, and in hexadecimal if the field is wider than 16 bits.
   */
  describe(value: RegisterValue<R>): string;
}

/** The definitions of all registers of a map: the result of {@link defineRegisters}. */
export type RegisterMap<M extends RegisterSpecs = RegisterSpecs> = {
  readonly [K in keyof M]: RegisterDefinition<M[K]>;
};

/**
 * The object that registers are bound to: a {@link Region}, what {@link traced} returns, or a stand-in in a
 * test.
 */
export type RegisterSpace = Pick<
  Region,
  | 'name'
  | 'byteLength'
  | 'read8'
  | 'read16'
  | 'read32'
  | 'read64'
  | 'write8'
  | 'write16'
  | 'write32'
  | 'write64'
> & {
  readonly address?: Region['address'] | undefined;
  /** For memory: whether it is closed. Such memory still reads, but no device writes it. Undefined for a region. */
  readonly closed?: boolean | undefined;
};

/**
 * Memory that a struct is bound to: a {@link DmaBuffer}, or a stand-in for one in a test. Each read of the
 * struct is one `Atomics.load`, each write one `Atomics.store`, of the width of the register and
 * little-endian.
 */
export type MemorySpace = Pick<DmaBuffer, 'iova' | 'byteLength' | 'u8' | 'u16' | 'u32' | 'u64'> & {
  readonly closed?: boolean;
};

interface Placed {
  /** The name of the register: `CC`, or `SQTDBL[3]` in an array. */
  readonly name: string;
  /** The offset in bytes from the start of the region or memory. */
  readonly offset: number;
}

interface Readable<R> {
  /**
   * Reads the register with one read of its width (two reads of 32 bits if the map says `halves`), and returns
   * its whole value.
   */
  read(): RegisterValue<R>;
}

interface Writable<R> {
  /**
   * Writes the whole register with one write of its width (two writes of 32 bits if the map says `halves`).
   */
  write(value: RegisterValue<R>): void;
}

interface Gettable<R> {
  /**
   * Returns all fields that can be read, from one read. It makes an object: for each field, that costs about
   * half the time of a `read32`. In a loop that needs one field, read that field instead.
   */
  get(): RegisterFields<R, Exclude<RegisterAccess, 'wo'>>;
}

interface Awaitable<R> {
  /**
   * Waits until these fields have these values, and resolves with all fields that can be read, from the read
   * that found them. It reads at once, then again and again for some tens of microseconds at a time, and lets
   * the event loop run in between.
   *
   * The default timeout is 1000 ms. Rejects with `ERR_VFIO_TIMEOUT`, which names the register, the awaited
   * values and the value that was read last; with the reason of the signal; with `ERR_VFIO_CLOSED` if it lies
   * in memory that is closed; or with what a read throws.
   * Rejects with a TypeError or RangeError before any access if no field is named, or for a value that does
   * not fit.
   */
  until(
    values: Partial<RegisterFields<R, 'rw' | 'ro' | 'w1c'>>,
    options?: PollOptions,
  ): Promise<RegisterFields<R, Exclude<RegisterAccess, 'wo'>>>;
}

interface Settable<R> {
  /**
   * Changes these fields with one read and one write (read-modify-write). Values are checked before the read.
   *
   * It writes back as they were read: the other fields that are `rw` or `ro`, and bits that no field names.
   * It writes as 0: `w1c` fields, so that nothing is cleared by accident, other `wo` fields, and in a `w1c`
   * register the bits that no field names.
   *
   * The device or another thread can change the register between the read and the write.
   */
  set(values: Partial<RegisterFields<R, 'rw' | 'wo'>>): void;
}

interface Clearable<R> {
  /**
   * Clears these `w1c` fields: it writes ones to them, and 0 to the other `w1c` fields. That is one write. If
   * the register also has bits to keep (`rw` fields, and in an `rw` register the bits that no field names), a
   * read before the write gets them.
   */
  clear(...fields: AtLeastOne<NamesWith<R, 'w1c'>>): void;
}

interface Describable {
  /** Reads the register once, and returns its name, value and fields as text. */
  describe(): string;
}

/** T if R has a field with such an access, otherwise unknown. */
type WithField<R, A, T> = [NamesWith<R, A>] extends [never] ? unknown : T;
type WithFields<R, T> = [keyof FieldsOf<R>] extends [never] ? unknown : T;

type MembersOf<R, A> = A extends 'ro'
  ? Readable<R> & Shown<R>
  : A extends 'wo'
    ? Writable<R>
    : A extends 'rc'
      ? Readable<R> & WithFields<R, Gettable<R>>
      : Readable<R> &
          Writable<R> &
          Shown<R> &
          WithField<R, 'rw' | 'wo', Settable<R>> &
          WithField<R, 'w1c', Clearable<R>>;

type Shown<R> = Describable &
  WithFields<R, Gettable<R> & Awaitable<R>> &
  Readonly<RegisterFields<R, Exclude<RegisterAccess, 'wo'>>>;

/**
 * A register of a device. Each property that is a field reads the register: one read of the width of the
 * register, every time.
 */
export type Register<R> = Placed & MembersOf<R, AccessOf<R>>;

/** An array of equal registers at equal distances. */
export interface RegisterArray<R> {
  /** How many registers there are. */
  readonly count: number;
  /**
   * Returns the register with this index, from 0 to `count` - 1. It is the same object every time. Throws a
   * RangeError for another index.
   */
  at(index: number): Register<R>;
}

type Bound<R> = R extends { readonly count: number }
  ? RegisterArray<R>
  : 'count' extends keyof R
    ? Register<R> | RegisterArray<R>
    : Register<R>;

/** The registers of a device by name: `Registers<typeof MAP>`, the result of {@link bindRegisters}. */
export type Registers<Map> = {
  readonly [K in keyof Map]: Map[K] extends RegisterDefinition<infer R> ? Bound<R> : never;
};

/** Equal structs at equal distances: the result of {@link bindStructs}. */
export interface StructArray<Map> {
  /** How many structs there are. */
  readonly count: number;
  /**
   * Returns the registers of the struct with this index, from 0 to `count` - 1. It is the same object every
   * time. Throws a RangeError for another index.
   */
  at(index: number): Registers<Map>;
}

/** Where the structs of {@link bindStructs} are. */
export interface StructPlaces {
  /** How many structs there are, from 1 to 2^20. */
  readonly count: number;
  /** Bytes from the start of one struct to the start of the next. */
  readonly stride: number;
  /** The offset of the first struct in bytes; default 0. */
  readonly base?: number | undefined;
}

/** Turns a key that a specification does not have into a compile error. */
export type KnownKeys<M> = {
  readonly [K in keyof M]: NoneBut<keyof RegisterSpec, M[K]> & {
    readonly fields?: {
      readonly [F in keyof FieldsOf<M[K]>]: FieldsOf<M[K]>[F] extends FieldBits
        ? unknown
        : NoneBut<keyof FieldSpec, FieldsOf<M[K]>[F]>;
    };
  };
};

type NoneBut<Known, T> = { readonly [K in Exclude<keyof T, Known>]: never };
