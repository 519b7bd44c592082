// SPDX-License-Identifier: MIT
// Registers by name: a map describes where registers are and what they contain, and is bound to a device.
import { closedError } from './errors.js';
import { expected, integer, options } from './internal/validate.js';
import { bind, bindArray } from './registers/bind.js';
import { definitionOf } from './registers/definition.js';
import { dump } from './registers/dump.js';
import { layoutOf } from './registers/layout.js';
import { checkOverlaps } from './registers/overlaps.js';
import { checkPlaces, checkStride } from './registers/places.js';
import { boundedSpace } from './registers/spaces.js';
import type { RegisterSpecs } from './registers/specification.js';
import { type Template, templateOf } from './registers/template.js';
import type {
  KnownKeys,
  MemorySpace,
  RegisterMap,
  RegisterSpace,
  Registers,
  StructArray,
  StructPlaces,
} from './registers/types.js';

export type {
  FieldAccess,
  FieldBits,
  FieldSpec,
  RegisterAccess,
  RegisterHalves,
  RegisterSpec,
  RegisterSpecs,
  RegisterWidth,
} from './registers/specification.js';
export { type AccessTrace, traced } from './registers/traced.js';
export type {
  FieldDefinition,
  MemorySpace,
  Register,
  RegisterArray,
  RegisterDefinition,
  RegisterFields,
  RegisterMap,
  RegisterSpace,
  Registers,
  RegisterValue,
  StructArray,
  StructPlaces,
} from './registers/types.js';

/** The registers that were bound, each with its space. Only they have a dump. */
const bound = new WeakMap<object, RegisterSpace>();

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
 * Returns the registers of a map in a region or in memory, from byte `base` on. Use `base` for a capability or
 * a descriptor. Binding accesses nothing.
 *
 * ```ts
 * const regs = bindRegisters(device.bar(0), NVME);
 * regs.CC.set({ EN: 1 }); // one read, one write
 * if (regs.CSTS.CFS === 1) throw new Error(regs.CSTS.describe()); // one read each
 * regs.SQTDBL.at(3).write(tail); // one write
 * await regs.CSTS.until({ RDY: 1 }, { timeout: 500 });
 * ```
 *
 * Each access is one access of the region or memory, with the width of the register (two of 32 bits for a
 * register with `halves`). In a region, it throws what the accessor of the region throws ({@link Region}). In
 * memory, it is one `Atomics.load` or `Atomics.store`, little-endian; after the buffer is closed, that is
 * ordinary memory that begins as zeros. A wrong value or index, an unknown field, or a field that cannot be changed in this way throws
 * before any access.
 *
 * Throws a RangeError `ERR_VFIO_RANGE` if a register ends beyond the region or memory, a RangeError
 * `ERR_VFIO_ALIGN` if `base` is not a multiple of the access width of every register, a TypeError if `map` was
 * not made by {@link defineRegisters}, and `ERR_VFIO_CLOSED` for a closed buffer.
 */
export function bindRegisters<M extends RegisterSpecs>(
  space: RegisterSpace | MemorySpace,
  map: RegisterMap<M>,
  base = 0,
): Registers<RegisterMap<M>> {
  const templates = templatesFor(map);
  const bounded = boundedSpace(space);
  integer('base', base, 0, bounded.byteLength);
  checkPlaces(templates, bounded, base);
  return bindAll(templates, bounded.space, base, '') as Registers<RegisterMap<M>>;
}

/**
 * Returns equal structs at equal distances: the descriptors of a ring, or a block of registers that a region
 * repeats. The map describes one of them.
 *
 * ```ts
 * const ring = bindStructs(device.allocDma(4096), DESCRIPTOR, { count: 256, stride: 16 });
 * ring.at(3).ADDRESS.write(data.iovaAt(0));
 * ```
 *
 * Binding accesses nothing. Each struct is bound at its first use, as {@link bindRegisters} does it. The names
 * of its registers begin with its index: `[3].ADDRESS`.
 *
 * Throws as {@link bindRegisters} does, a RangeError `ERR_VFIO_RANGE` if the stride is smaller than the
 * struct, and a RangeError `ERR_VFIO_ALIGN` if it is not a multiple of the access width of every register.
 */
export function bindStructs<M extends RegisterSpecs>(
  space: RegisterSpace | MemorySpace,
  map: RegisterMap<M>,
  places: StructPlaces,
): StructArray<RegisterMap<M>> {
  const templates = templatesFor(map);
  const bounded = boundedSpace(space);
  const given = options('bindStructs', places, ['count', 'stride', 'base']);
  const count = integer('count', given.count, 1, 2 ** 20);
  const stride = integer('stride', given.stride, 1, 2 ** 32);
  const base = integer('base', given.base ?? 0, 0, bounded.byteLength);
  checkStride(templates, stride);
  checkPlaces(templates, bounded, base + (count - 1) * stride);
  checkPlaces(templates, bounded, base);
  const structs: object[] = [];
  return Object.freeze({
    count,
    at(index: number): Registers<RegisterMap<M>> {
      const known = typeof index === 'number' ? structs[index] : undefined;
      if (known !== undefined) return known as Registers<RegisterMap<M>>;
      integer('the index of a struct', index, 0, count - 1);
      const struct = bindAll(templates, bounded.space, base + index * stride, `[${index}].`);
      structs[index] = struct;
      return struct as Registers<RegisterMap<M>>;
    },
  });
}

/**
 * Reads every register that can be read without a side effect, once each and in the order of the map, and
 * returns a line for each: offset, name, value and fields. It leaves out `wo` and `rc` registers.
 *
 * ```text
 * 0x00 CAP 0x000000f0ff0107ff MQES=2047 CQR=1 TO=15 DSTRD=0
 * 0x14 CC 0x00460001 EN=1 SHN=none
 * ```
 *
 * It takes what {@link bindRegisters} returned, or one struct of {@link bindStructs}. Throws what a read throws,
 * `ERR_VFIO_CLOSED` for memory that is closed, and a TypeError `ERR_INVALID_ARG_TYPE` for anything else.
 */
export function describeAll(registers: Readonly<Record<string, object>>): string {
  const space = bound.get(registers);
  if (space === undefined) {
    throw expected(
      'the registers that bindRegisters returned, or one struct of bindStructs (`structs.at(0)`)',
      'registers',
      registers,
    );
  }
  if (space.closed === true) throw closedError(space.name);
  return dump(registers);
}

function bindAll(
  templates: readonly Template[],
  space: RegisterSpace,
  base: number,
  prefix: string,
): object {
  const entries = templates.map((template) => {
    const { name, at, count } = template.layout;
    const bindOne = count === undefined ? bind : bindArray;
    return [name, bindOne(template, space, `${prefix}${name}`, base + at)];
  });
  const registers = Object.freeze(Object.fromEntries(entries));
  bound.set(registers, space);
  return registers;
}

function templatesFor(map: object): readonly Template[] {
  const templates = templatesOf.get(map);
  if (templates === undefined) throw expected('a map made by defineRegisters', 'map', map);
  return templates;
}

function objectOf(map: unknown): object {
  if (typeof map === 'object' && map !== null && !Array.isArray(map)) return map;
  throw expected('an object', 'map', map);
}
