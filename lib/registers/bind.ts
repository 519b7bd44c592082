// SPDX-License-Identifier: MIT
// Binds registers to a region: a template with a read and a write. Each of the two is a closure that calls
// the region once and makes no object.
import { integer } from '../internal/validate.js';
import { type Word, wordError } from './arithmetic.js';
import { halvesReaderOf, halvesWriterOf } from './halves.js';
import type { Layout } from './layout.js';
import { setSpace } from './spaces.js';
import type { Template } from './template.js';
import { named } from './traced.js';
import type { RegisterSpace } from './types.js';

/**
 * Binds one register. `name` is the name in the layout, or for an array the name of the element
 * (`SQTDBL[3]`).
 */
export function bind(
  { layout, prototype }: Template,
  bare: RegisterSpace,
  name: string,
  offset: number,
) {
  const { access } = layout;
  const space = named(bare, name);
  const register: Record<string, unknown> = Object.create(prototype);
  register.name = name;
  register.offset = offset;
  if (access !== 'wo') register.read = readerOf(space, layout, offset);
  if (access !== 'ro' && access !== 'rc') register.write = writerOf(space, layout, offset, name);
  setSpace(register, space);
  return Object.freeze(register);
}

/** Binds an array. Each register is bound at its first use, so thousands of doorbells cost nothing. */
export function bindArray(template: Template, space: RegisterSpace, name: string, offset: number) {
  const { count = 0, stride = 0 } = template.layout;
  const registers: object[] = [];
  return Object.freeze({
    count,
    at(index: number): object {
      const known = typeof index === 'number' ? registers[index] : undefined;
      if (known !== undefined) return known;
      integer(`the index of ${name}`, index, 0, count - 1);
      const register = bind(template, space, `${name}[${index}]`, offset + index * stride);
      registers[index] = register;
      return register;
    },
  });
}

function readerOf(space: RegisterSpace, { width, halves }: Layout, offset: number): () => Word {
  if (halves !== undefined) return halvesReaderOf(space, halves, offset);
  switch (width) {
    case 8:
      return () => space.read8(offset);
    case 16:
      return () => space.read16(offset);
    case 32:
      return () => space.read32(offset);
    default:
      return () => space.read64(offset);
  }
}

/** The region checks the value too, but it does not know the name of the register. */
function writerOf(space: RegisterSpace, { width, halves }: Layout, offset: number, name: string) {
  if (halves !== undefined) return halvesWriterOf(space, halves, offset, name);
  switch (width) {
    case 8:
      return (value: number) => {
        if (typeof value !== 'number' || (value & 0xff) !== value) throw wordError(name, value, 8);
        space.write8(offset, value);
      };
    case 16:
      return (value: number) => {
        if (typeof value !== 'number' || (value & 0xffff) !== value)
          throw wordError(name, value, 16);
        space.write16(offset, value);
      };
    case 32:
      return (value: number) => {
        if (typeof value !== 'number' || value >>> 0 !== value) throw wordError(name, value, 32);
        space.write32(offset, value);
      };
    default:
      return (value: bigint) => {
        if (typeof value !== 'bigint' || BigInt.asUintN(64, value) !== value)
          throw wordError(name, value, 64);
        space.write64(offset, value);
      };
  }
}
