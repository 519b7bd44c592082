// SPDX-License-Identifier: MIT
// One field of a register, checked, with everything that its specification leaves out.
import { rangeError, typeError } from '../errors.js';
import { expected, integer, oneOf, options } from '../internal/validate.js';
import { type Arithmetic, bigints, numbers, type Word } from './arithmetic.js';
import { checkFieldName, checkValueName } from './names.js';
import type { FieldBits, FieldSpec, RegisterAccess, RegisterWidth } from './specification.js';
import type { FieldDefinition } from './types.js';

/** A field, with the functions that read and place its bits. */
export interface Field extends FieldDefinition {
  readonly name: string;
  /** The name of the register and the field, like `CC.EN`. */
  readonly path: string;
  /** A mask with ones in the bits of the field. */
  readonly mask: Word;
  /** Extracts the value of the field from the value of the register. */
  readonly extract: (word: Word) => Word;
  /** Checks a value of the field and shifts it to its place in the register. */
  readonly place: (value: unknown) => Word;
  /** The names of values, by value. */
  readonly valueNames: ReadonlyMap<number, string>;
}

/** The facts about a register that its fields need. */
export interface Owner {
  readonly name: string;
  readonly width: RegisterWidth;
  readonly access: RegisterAccess;
  readonly arithmetic: Arithmetic<Word>;
}

const keys = ['bits', 'access', 'values', 'doc'];
const kinds = ['rw', 'ro', 'wo', 'w1c'] as const;

/** The fields of a register by name. Throws if two of them share a bit. */
export function fieldsOf(owner: Owner, given: unknown): ReadonlyMap<string, Field> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw expected('an object', `the fields of ${owner.name}`, given);
  }
  const fields = new Map<string, Field>();
  for (const [name, spec] of Object.entries(given)) {
    const field = fieldOf(owner, name, spec);
    for (const other of fields.values()) checkApart(field, other);
    fields.set(name, field);
  }
  return fields;
}

function fieldOf(owner: Owner, name: string, given: FieldBits | FieldSpec): Field {
  const path = `${owner.name}.${name}`;
  checkFieldName(path, name);
  const spec: FieldSpec = isBits(given) ? { bits: given } : options(path, given, keys);
  const [high, low] = bitsOf(path, spec.bits, owner.width);
  const size = high - low + 1;
  const check = (size > 32 ? bigints : numbers).checker(path, size);
  const values = valuesOf(path, spec.values, 2 ** Math.min(size, 53) - 1);
  return Object.freeze({
    name,
    path,
    high,
    low,
    access: accessOf(owner, path, spec.access),
    doc: docOf(path, spec.doc),
    values,
    valueNames: new Map(Object.entries(values).map(([name, value]) => [value, name])),
    mask: owner.arithmetic.ones(high, low),
    extract: owner.arithmetic.extractor(high, low),
    place: (value: unknown) => owner.arithmetic.place(check(value), low),
  });
}

function isBits(given: unknown): given is FieldBits {
  return typeof given === 'number' || Array.isArray(given);
}

function bitsOf(path: string, bits: unknown, width: number): [high: number, low: number] {
  const pair: unknown = typeof bits === 'number' ? [bits, bits] : bits;
  if (!Array.isArray(pair) || pair.length !== 2) {
    throw expected('a bit or [high, low]', `the bits of ${path}`, bits);
  }
  const high = integer(`the highest bit of ${path}`, pair[0], 0, width - 1);
  const low = integer(`the lowest bit of ${path}`, pair[1], 0, width - 1);
  if (high >= low) return [high, low];
  throw rangeError(`Expected [high, low] for the bits of ${path} but received [${high}, ${low}]`);
}

function accessOf(owner: Owner, path: string, given: unknown): RegisterAccess {
  if (given === undefined) return owner.access;
  const access = oneOf(`the access of ${path}`, given, kinds);
  if (access === owner.access || owner.access === 'rw' || owner.access === 'w1c') return access;
  throw typeError(
    `${path} cannot be ${access}, because the register ${owner.name} is ${owner.access}`,
    'ERR_INVALID_ARG_VALUE',
  );
}

/** Checks the long name of a register or field, and returns it. */
export function docOf(path: string, doc: unknown): string | undefined {
  if (doc === undefined || typeof doc === 'string') return doc;
  throw expected('a string', `the doc of ${path}`, doc);
}

function valuesOf(path: string, given: unknown, max: number): Readonly<Record<string, number>> {
  if (given === undefined) return Object.freeze({});
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw expected('an object', `the values of ${path}`, given);
  }
  const values: Record<string, number> = { ...given };
  for (const [name, value] of Object.entries(values)) {
    checkValueName(path, name);
    integer(`${name} of ${path}`, value, 0, max);
  }
  if (new Set(Object.values(values)).size === Object.keys(values).length)
    return Object.freeze(values);
  throw typeError(
    `Two names in the values of ${path} have the same number`,
    'ERR_INVALID_ARG_VALUE',
  );
}

function checkApart(a: Field, b: Field): void {
  if (a.low > b.high || b.low > a.high) return;
  throw rangeError(`${b.path} and ${a.path} overlap at bit ${Math.max(a.low, b.low)}`);
}
