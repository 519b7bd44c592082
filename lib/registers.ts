// SPDX-License-Identifier: MIT
// Registers by name: a map describes where registers are and what they contain, and is bound to a device.
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

/** The templates of each map. Only a map with an entry here can be bound. */
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
 * This literal gives registers and fields their types. A misspelt name, a write to a read-only register, or a
 * number in place of a bigint is a compile error. Offsets (`at`) and strides are in bytes, widths and fields
 * in bits.
 *
 * {@link bindRegisters} returns the registers of a device. Without a device, an entry such as `NVME.CC`
 * encodes, decodes and describes values.
 *
 * Throws, with the name of the register and the field in the message:
 *
 * - a TypeError `ERR_INVALID_ARG_TYPE` if something has the wrong type;
 * - a TypeError `ERR_INVALID_ARG_VALUE` for an unknown key, for a name that is not allowed, for a field whose
 *   access its register does not allow, and for two names with the same value;
 * - a RangeError `ERR_VFIO_RANGE` for bits beyond the width, and for fields or registers that overlap;
 * - a RangeError `ERR_VFIO_ALIGN` for an offset or stride that is not a multiple of the width.
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
 * Returns the registers of a map in a region, from byte `base` on. Use `base` for a capability, or for a
 * block of registers that repeats. Binding accesses nothing.
 *
 * ```ts
 * const regs = bindRegisters(device.bar(0), NVME);
 * regs.CC.set({ EN: 1 }); // one read, one write
 * if (regs.CSTS.CFS === 1) throw new Error(regs.CSTS.describe()); // one read each
 * regs.SQTDBL.at(3).write(tail); // one write
 * ```
 *
 * Each access is one access of the region, with the width of the register. It throws what the accessor of the
 * region throws ({@link Region}). A wrong value or index, an unknown field, or a field that cannot be changed
 * in this way throws before any access.
 *
 * Throws a RangeError `ERR_VFIO_RANGE` if a register ends beyond the region, a RangeError `ERR_VFIO_ALIGN` if
 * `base` is not a multiple of the width of every register, and a TypeError if `map` was not made by
 * {@link defineRegisters}.
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
    throw rangeError(`${name} ${place}, beyond the ${byteLength} bytes of ${space.name}`);
  }
  if (base % bytes !== 0) {
    const what = `Expected a multiple of ${bytes} (the width of ${name} in bytes) for base`;
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
