// SPDX-License-Identifier: MIT
// One register of a map, checked, with defaults for everything that its specification leaves out.
import { rangeError, typeError } from '../errors.js';
import { expected, integer, oneOf, options, show } from '../internal/validate.js';
import { type Arithmetic, bigints, numbers, type Word } from './arithmetic.js';
import { docOf, type Field, fieldsOf, type Owner } from './field.js';
import { checkRegisterName } from './names.js';
import type { RegisterHalves, RegisterSpec, RegisterWidth } from './specification.js';

/** A register, or an array of equal registers. */
export interface Layout extends Owner {
  /** The offset in bytes from the start of the map. */
  readonly at: number;
  /** The width in bytes. */
  readonly bytes: number;
  /** The order of the two 32-bit accesses that access it; undefined if one access does. */
  readonly halves: RegisterHalves | undefined;
  /** Its offset is a multiple of this: the width of one access in bytes. */
  readonly alignment: number;
  /** The offset where it ends, in bytes. For an array, the offset where the last register ends. */
  readonly end: number;
  /** How many registers the array has; undefined for a single register. */
  readonly count: number | undefined;
  readonly stride: number | undefined;
  readonly doc: string | undefined;
  readonly fields: ReadonlyMap<string, Field>;
}

const keys = ['at', 'width', 'halves', 'access', 'fields', 'doc', 'count', 'stride'];
const kinds = ['rw', 'ro', 'wo', 'w1c', 'rc'] as const;
const orders = ['lowFirst', 'highFirst'] as const;

/** Checks the specification of a register. Errors name the register and the field. */
export function layoutOf(name: string, given: RegisterSpec): Layout {
  checkRegisterName(name);
  const spec = options(`register ${name}`, given, keys);
  const width = widthOf(name, spec.width ?? 32);
  const owner: Owner = {
    name,
    width,
    access: oneOf(`the access of ${name}`, spec.access ?? 'rw', kinds),
    arithmetic: (width === 64 ? bigints : numbers) as Arithmetic<Word>,
  };
  const halves = halvesOf(name, spec.halves, width);
  return {
    ...owner,
    ...placeOf(name, spec, width / 8, halves === undefined ? width / 8 : 4),
    halves,
    doc: docOf(name, spec.doc),
    fields: fieldsOf(owner, spec.fields ?? {}),
  };
}

function widthOf(name: string, value: unknown): RegisterWidth {
  const width = `the width of ${name}`;
  if (typeof value !== 'number') throw expected('a number', width, value);
  if (value === 8 || value === 16 || value === 32 || value === 64) return value;
  throw rangeError(`Expected 8, 16, 32 or 64 for ${width} but received ${show(value)}`);
}

function halvesOf(name: string, given: unknown, width: number): RegisterHalves | undefined {
  if (given === undefined) return undefined;
  const halves = oneOf(`the halves of ${name}`, given, orders);
  if (width === 64) return halves;
  const message = `${name} has halves, but only a 64-bit register is accessed as two halves`;
  throw typeError(message, 'ERR_INVALID_ARG_VALUE');
}

/** The limits are far beyond any region, and small enough for an exact end offset. */
function placeOf(
  name: string,
  { at, count, stride }: RegisterSpec,
  bytes: number,
  alignment: number,
) {
  const start = multiple(`the offset of ${name}`, at, { min: 0, max: 2 ** 48 }, alignment);
  const place = { at: start, bytes, alignment };
  if (count === undefined) {
    if (stride === undefined) return { ...place, end: start + bytes, count, stride };
    throw typeError(
      `${name} has a stride but no count, so it is not an array`,
      'ERR_INVALID_ARG_VALUE',
    );
  }
  const many = integer(`the count of ${name}`, count, 1, 2 ** 20);
  const distances = { min: bytes, max: 2 ** 32 };
  const distance = multiple(`the stride of ${name}`, stride ?? bytes, distances, alignment);
  const end = start + (many - 1) * distance + bytes;
  return { ...place, end, count: many, stride: distance };
}

function multiple(
  name: string,
  value: unknown,
  { min, max }: { min: number; max: number },
  bytes: number,
): number {
  const checked = integer(name, value, min, max);
  if (checked % bytes === 0) return checked;
  const message = `Expected a multiple of ${bytes} for ${name} but received ${show(value)}`;
  throw rangeError(message, 'ERR_VFIO_ALIGN');
}
