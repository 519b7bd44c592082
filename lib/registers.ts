// SPDX-License-Identifier: MIT
// Registers by name: a map that says where they are and what is in them, and its registers on a
// device.
import { rangeError } from './errors.js';
import { expected, integer } from './internal/validate.js';
import { bind, bindArray } from './registers/bind.js';
import { definitionOf } from './registers/definition.js';
import { layoutOf } from './registers/layout.js';
import { checkOverlaps } from './registers/overlaps.js';
import type { RegisterSpecs } from './registers/specification.js';
import { type Template, templateOf } from './registers/template.js';
import type { KnownKeys, RegisterMap, RegisterSpace, Registers } from './registers/types.js';

export type {
  FieldAccess,
  FieldBits,
  FieldSpec,
  RegisterAccess,
  RegisterSpec,
  RegisterSpecs,
  RegisterWidth,
} from './registers/specification.js';
export type {
  FieldDefinition,
  Register,
  RegisterArray,
  RegisterDefinition,
  RegisterFields,
  RegisterMap,
  RegisterSpace,
  Registers,
  RegisterValue,
} from './registers/types.js';

/** What maps were made of; nothing else can be bound. */
const templatesOf = new WeakMap<object, readonly Template[]>();

/**
 * Describes the registers of a device by name.
 *
 * ```ts
 * const NVME = defineRegisters({
 *   CAP: { at: 0x00, width: 64, access: 'ro', fields: { MQES: [15, 0], DSTRD: [35, 32] } },
 *   CC: { at: 0x14, fields: { EN: 0, SHN: { bits: [15, 14], values: { none: 0, normal: 1 } } } },
 *   CSTS: { at: 0x1c, access: 'ro', fields: { RDY: 0, CFS: 1, NSSRO: 4 } },
 *   SQTDBL: { at: 0x1000, access: 'wo', count: 64, stride: 8 },
 * });
 * ```
 *
 * Registers and fields are typed by this literal: a misspelt name, a write of a read-only register,
 * a number for a bigint are compile errors. Offsets, strides and counts are of bytes, widths and
 * fields of bits. {@link bindRegisters} gives the registers of a device; without one, `NVME.CC`
 * encodes, decodes and describes values.
 *
 * Throws, with the name of the register and field in the message: a TypeError for what has the
 * wrong type (`ERR_INVALID_ARG_TYPE`), for an unknown key, a name that cannot be one, a field whose
 * access its register does not allow, equal values with two names (`ERR_INVALID_ARG_VALUE`); a
 * RangeError for bits past the width and for overlaps of fields or registers (`ERR_VFIO_RANGE`),
 * for an offset or stride that is no multiple of the width (`ERR_VFIO_ALIGN`).
 */
export function defineRegisters<const M extends RegisterSpecs>(
  map: M & KnownKeys<M>,
): RegisterMap<M> {
  const layouts = Object.entries(objectOf(map)).map(([name, spec]) => layoutOf(name, spec));
  checkOverlaps(layouts);
  const definitions = layouts.map((layout) => [layout.name, definitionOf(layout)]);
  const defined = Object.freeze(Object.fromEntries(definitions)) as RegisterMap<M>;
  templatesOf.set(defined, layouts.map(templateOf));
  return defined;
}

/**
 * The registers of a map in a region, from byte `base` on (where a capability or a block of the
 * device starts). Nothing is accessed by it.
 *
 * ```ts
 * const regs = bindRegisters(device.bar(0), NVME);
 * regs.CC.set({ EN: 1 }); // one read, one write
 * if (regs.CSTS.CFS === 1) throw new Error(regs.CSTS.describe()); // one read each
 * regs.SQTDBL.at(3).write(tail); // one write
 * ```
 *
 * Each access is one access of the region, with the width of the register, may block as it may, and
 * throws what it throws. A wrong value or index, an unknown field or one that cannot be changed
 * that way throws before any access.
 *
 * Throws a RangeError when a register ends past the region (`ERR_VFIO_RANGE`) or the base does not
 * suit its width (`ERR_VFIO_ALIGN`).
 */
export function bindRegisters<M extends RegisterSpecs>(
  space: RegisterSpace,
  map: RegisterMap<M>,
  base = 0,
): Registers<RegisterMap<M>> {
  const templates = templatesOf.get(map);
  if (templates === undefined) throw expected('a map made by defineRegisters', 'map', map);
  const byteLength = lengthOf(space);
  integer('base', base, 0, byteLength);
  const registers = templates.map((template) => [
    template.layout.name,
    bindTemplate(template, space, byteLength, base),
  ]);
  return Object.freeze(Object.fromEntries(registers)) as Registers<RegisterMap<M>>;
}

function bindTemplate(
  template: Template,
  space: RegisterSpace,
  byteLength: number,
  base: number,
): object {
  const { name, at, end, bytes, count } = template.layout;
  if (base + end > byteLength) {
    const place = `ends at 0x${(base + end).toString(16)}`;
    throw rangeError(`${name} ${place}, past the ${byteLength} bytes of ${space.name}`);
  }
  if (base % bytes !== 0) {
    const what = `Expected a multiple of ${bytes} for base, because of ${name},`;
    throw rangeError(`${what} but received ${base}`, 'ERR_VFIO_ALIGN');
  }
  return count === undefined
    ? bind(template, space, name, base + at)
    : bindArray(template, space, base + at);
}

function objectOf(map: unknown): object {
  if (typeof map === 'object' && map !== null && !Array.isArray(map)) return map;
  throw expected('an object', 'map', map);
}

function lengthOf(space: unknown): number {
  const { byteLength, read32 } = Object(space) as Partial<RegisterSpace>;
  if (typeof byteLength === 'number' && typeof read32 === 'function') return byteLength;
  throw expected('a region', 'space', space);
}
