// SPDX-License-Identifier: MIT
// The definition of a register in a map, without a device: it encodes, decodes and describes values.
import type { Word } from './arithmetic.js';
import type { Layout } from './layout.js';
import type { FieldDefinition, RegisterDefinition } from './types.js';
import { compose, decompose, maskOf, textOf } from './values.js';

/**
 * The public interface, for any register. For a user's map, the compiler derives the exact types from the
 * literal.
 */
interface Definition extends Omit<RegisterDefinition, 'encode' | 'decode' | 'mask' | 'describe'> {
  encode(values: unknown): Word;
  decode(value: unknown): Record<string, Word>;
  mask(...fields: unknown[]): Word;
  describe(value: unknown): string;
}

export function definitionOf(layout: Layout): RegisterDefinition {
  const { name, at, width, halves, access, doc, count, stride, fields, arithmetic } = layout;
  const all = [...fields.values()];
  const word = arithmetic.checker(name, width);
  const definition: Definition = {
    name,
    at,
    width,
    halves,
    access,
    doc,
    count,
    stride,
    fields: Object.freeze(Object.fromEntries(all.map((field) => [field.name, facts(field)]))),
    encode: (values) => compose(layout, values, fields, 'encode').value,
    decode: (value) => decompose(all, word(value)),
    mask: (...names) => maskOf(layout, names, fields, 'mask'),
    describe: (value) => textOf(name, layout, all, word(value)),
  };
  return Object.freeze(definition) as unknown as RegisterDefinition;
}

function facts({ high, low, access, values, doc }: FieldDefinition): FieldDefinition {
  return Object.freeze({ high, low, access, values, doc });
}
