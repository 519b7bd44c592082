// SPDX-License-Identifier: MIT
// The types of a register map: its registers, fields and methods, as numbers or bigints.
import type { Region } from '../region.js';
import type {
  FieldBits,
  FieldSpec,
  RegisterAccess,
  RegisterSpec,
  RegisterSpecs,
  RegisterWidth,
} from './specification.js';

type WidthOf<R> = 'width' extends keyof R ? NonNullable<R['width']> : 32;
type AccessOf<R> = 'access' extends keyof R ? NonNullable<R['access']> : 'rw';
// biome-ignore lint/complexity/noBannedTypes: a register without fields has no keys, as {} has
type FieldsOf<R> = 'fields' extends keyof R ? Literal<NonNullable<R['fields']>> : {};
/** Of a map that is not known before run time, fields have any name. */
type Literal<F> = string extends keyof F ? Readonly<Record<string, FieldBits | FieldSpec>> : F;

type BitsOf<F> = F extends { readonly bits: infer B } ? B : F;
type FieldAccessOf<R, F> = F extends { readonly access: infer A } ? A : AccessOf<R>;

/** Names of the fields whose access is one of A. */
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

/** A tuple as long as N, to compare bit numbers with; bit numbers end at 63. */
type Ones<N extends number, T extends 1[] = []> = T['length'] extends N | 64
  ? T
  : Ones<N, [...T, 1]>;

type AtLeastOne<T> = [T, ...T[]];

/** A register's whole value: a bigint where the register has 64 bits, else a number. */
export type RegisterValue<R> = ValueOfWidth<WidthOf<R>>;

/**
 * A register's fields by name. A field of up to 32 bits is a number, a wider one (of a 64-bit
 * register) a bigint.
 */
export type RegisterFields<R, A = RegisterAccess> = {
  -readonly [K in keyof FieldsOf<R> as FieldAccessOf<R, FieldsOf<R>[K]> extends A
    ? K
    : never]: FieldValue<R, FieldsOf<R>[K]>;
};

/** What is known of a field. */
export interface FieldDefinition {
  /** Its highest bit. */
  readonly high: number;
  /** Its lowest bit. */
  readonly low: number;
  readonly access: RegisterAccess;
  /** Names of values. */
  readonly values: Readonly<Record<string, number>>;
  readonly doc: string | undefined;
}

/**
 * A register of a map, without a device: what it is, and how its value is put together and taken
 * apart. Its methods throw a TypeError for a wrong type and for a field that the register has not
 * (`ERR_INVALID_ARG_VALUE`), a RangeError (`ERR_VFIO_RANGE`) for what does not fit.
 */
export interface RegisterDefinition<R = RegisterSpec> {
  readonly name: string;
  /** Bytes from the start of the map. */
  readonly at: number;
  /** In bits. */
  readonly width: RegisterWidth;
  /** Tools that show registers leave out those that are `rc`. */
  readonly access: RegisterAccess;
  readonly doc: string | undefined;
  /** How many, if it is an array. */
  readonly count: number | undefined;
  /** Bytes from one to the next, if it is an array. */
  readonly stride: number | undefined;
  readonly fields: { readonly [K in keyof FieldsOf<R>]: FieldDefinition };
  /** The register's value with these fields, all other bits 0. */
  encode(values: Partial<RegisterFields<R>>): RegisterValue<R>;
  /** All fields of a value. */
  decode(value: RegisterValue<R>): RegisterFields<R>;
  /** Ones where these fields are. */
  mask(...fields: AtLeastOne<keyof FieldsOf<R> & string>): RegisterValue<R>;
  /**
   * A value as text: `CC 0x00460001 EN=1 SHN=none IOSQES=6`, with all fields in the order of the
   * map; a value by its name where it has one, in hexadecimal where the field is wider than 16
   * bits.
   */
  describe(value: RegisterValue<R>): string;
}

/** What {@link defineRegisters} gives. */
export type RegisterMap<M extends RegisterSpecs = RegisterSpecs> = {
  readonly [K in keyof M]: RegisterDefinition<M[K]>;
};

/** What registers are reached through: a {@link Region}, or a test's stand-in for one. */
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
>;

interface Placed {
  /** `CC`; of an array, `SQTDBL[3]`. */
  readonly name: string;
  /** Bytes from the start of the region. */
  readonly offset: number;
}

interface Readable<R> {
  /** The register's value: one read of its width. */
  read(): RegisterValue<R>;
}

interface Writable<R> {
  /** Writes the register: one write of its width. */
  write(value: RegisterValue<R>): void;
}

interface Gettable<R> {
  /**
   * All fields that can be read, from one read. It makes an object, which takes about half the time
   * of a `read32` for each field; a loop that needs one field reads that.
   */
  get(): RegisterFields<R, Exclude<RegisterAccess, 'wo'>>;
}

interface Settable<R> {
  /**
   * Changes these fields by one read and one write. Written back as they were read: other fields
   * that are `rw` or `ro`, and bits that no field names. Written as 0: `w1c` fields, so that
   * nothing is cleared by accident, other `wo` fields, and in a `w1c` register the bits that no
   * field names. Values are checked before the read. The device, or another thread, may change the
   * register between the two.
   */
  set(values: Partial<RegisterFields<R, 'rw' | 'wo'>>): void;
}

interface Clearable<R> {
  /**
   * Writes ones to these `w1c` fields, and 0 to the other ones. That is one write; where the
   * register also has bits to keep (`rw` fields; in an `rw` register bits that no field names), a
   * read before it gives what they are.
   */
  clear(...fields: AtLeastOne<NamesWith<R, 'w1c'>>): void;
}

interface Describable {
  /** Reads the register once and gives its name, value and fields as text. */
  describe(): string;
}

/** T where the fields of R have one with such an access. */
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
  WithFields<R, Gettable<R>> &
  Readonly<RegisterFields<R, Exclude<RegisterAccess, 'wo'>>>;

/**
 * A register of a device. Each property that is a field reads the register: one read of the
 * register's width, every time.
 */
export type Register<R> = Placed & MembersOf<R, AccessOf<R>>;

/** Equal registers at equal distances. */
export interface RegisterArray<R> {
  /** How many. */
  readonly count: number;
  /** One of them, the same object every time. Throws a RangeError when there is none. */
  at(index: number): Register<R>;
}

type Bound<R> = R extends { readonly count: number }
  ? RegisterArray<R>
  : 'count' extends keyof R
    ? Register<R> | RegisterArray<R>
    : Register<R>;

/** The registers of a device by name: `Registers<typeof MAP>`. */
export type Registers<Map> = {
  readonly [K in keyof Map]: Map[K] extends RegisterDefinition<infer R> ? Bound<R> : never;
};

/** Turns a key that a specification has no place for into a compile error. */
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
