// SPDX-License-Identifier: MIT
// Composes the value of a register from its fields, and takes it apart into fields or text.
import { typeError } from '../errors.js';
import { expected, show } from '../internal/validate.js';
import type { Word } from './arithmetic.js';
import type { Field } from './field.js';
import type { Layout } from './layout.js';

/** Bits of a register, and the mask that says which bits they are. */
export interface Bits {
  readonly mask: Word;
  readonly value: Word;
}

/**
 * Composes the bits of fields from their values. Only fields of `allowed` are accepted. `verb` is the name of
 * the calling method, for errors.
 */
export function compose(
  layout: Layout,
  values: unknown,
  allowed: ReadonlyMap<string, Field>,
  verb: string,
): Bits {
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    throw expected('an object', `the fields of ${layout.name}`, values);
  }
  const { arithmetic } = layout;
  let [mask, value] = [arithmetic.zero, arithmetic.zero];
  for (const name of Object.keys(values)) {
    const field = allowed.get(name) ?? refuse(layout, name, allowed, verb);
    mask = arithmetic.or(mask, field.mask);
    value = arithmetic.or(value, field.place((values as Record<string, unknown>)[name]));
  }
  return { mask, value };
}

/** Makes a mask with ones in the bits of these fields. Only fields of `allowed` are accepted. */
export function maskOf(
  layout: Layout,
  names: readonly unknown[],
  allowed: ReadonlyMap<string, Field>,
  verb: string,
): Word {
  if (names.length === 0)
    throw expected('at least one field', `${verb}() of ${layout.name}`, undefined);
  let mask = layout.arithmetic.zero;
  for (const name of names) {
    if (typeof name !== 'string') throw expected('a string', `a field of ${layout.name}`, name);
    const field = allowed.get(name) ?? refuse(layout, name, allowed, verb);
    mask = layout.arithmetic.or(mask, field.mask);
  }
  return mask;
}

/** Makes a mask with ones in the bits of these fields. */
export function union({ arithmetic }: Layout, fields: Iterable<Field>): Word {
  let mask = arithmetic.zero;
  for (const field of fields) mask = arithmetic.or(mask, field.mask);
  return mask;
}

/** Returns the fields of a value by name, in the order of the map. */
export function decompose(fields: readonly Field[], word: Word): Record<string, Word> {
  const values: Record<string, Word> = {};
  for (const { name, extract } of fields) values[name] = extract(word);
  return values;
}

/** Returns a value as text, like `CC 0x00460001 EN=1 SHN=none IOSQES=6`. */
export function textOf(
  name: string,
  { width }: Layout,
  fields: readonly Field[],
  word: Word,
): string {
  const parts = [`${name} 0x${word.toString(16).padStart(width / 4, '0')}`];
  for (const field of fields) parts.push(`${field.name}=${fieldText(field, field.extract(word))}`);
  return parts.join(' ');
}

/** Returns the value of a field as text: its name if it has one, in hexadecimal if the field is wide. */
export function fieldText({ high, low, valueNames }: Field, value: Word): string {
  // A bigint above 2^53 becomes a number above 2^53, and no value with a name is so large.
  const name = valueNames.get(Number(value));
  if (name !== undefined) return name;
  return high - low < 16 ? String(value) : `0x${value.toString(16)}`;
}

/** Throws the reason why a field is not accepted. */
function refuse(
  { name: register, fields }: Layout,
  name: string,
  allowed: ReadonlyMap<string, Field>,
  verb: string,
): never {
  const field = fields.get(name);
  const what =
    field === undefined
      ? `has no field ${show(name)}`
      : `cannot ${verb} ${name}, which is ${field.access}`;
  const choice = [...allowed.keys()].join(', ');
  const message = `${register} ${what}: ${verb}() accepts ${choice || 'no field'}`;
  throw typeError(message, 'ERR_INVALID_ARG_VALUE');
}
