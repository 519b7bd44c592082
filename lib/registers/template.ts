// SPDX-License-Identifier: MIT
// The methods and field properties of a register, made once for each map, with its masks and shifts in
// closures. They are not enumerable and lie in a prototype. So nothing that looks at a register (console.log,
// a spread, JSON) reads the device.
import type { Word } from './arithmetic.js';
import type { Field } from './field.js';
import type { Layout } from './layout.js';
import type { RegisterAccess } from './specification.js';
import { compose, decompose, maskOf, textOf, union } from './values.js';
import { waiter } from './waiting.js';

/** A register of a device, as its methods use it. */
interface BoundRegister {
  readonly name: string;
  readonly read: () => Word;
  readonly write: (value: Word) => void;
}

/** A register that is ready to be bound. */
export interface Template {
  readonly layout: Layout;
  readonly prototype: object;
}

/**
 * Makes the methods and properties of registers with this layout. Offset, read and write come with binding.
 */
export function templateOf(layout: Layout): Template {
  const prototype = {};
  for (const [name, value] of Object.entries(methodsOf(layout))) {
    Object.defineProperty(prototype, name, { value });
  }
  for (const { name, extract } of shownFields(layout)) {
    Object.defineProperty(prototype, name, {
      get(this: BoundRegister) {
        return extract(this.read());
      },
    });
  }
  return { layout, prototype: Object.freeze(prototype) };
}

/** The fields that become properties. A register that a read clears has none. */
function shownFields(layout: Layout): Field[] {
  return layout.access === 'rc' ? [] : fieldsThat(layout, ['rw', 'ro', 'w1c']);
}

function methodsOf(layout: Layout): Record<string, unknown> {
  const { access, fields } = layout;
  const methods: Record<string, unknown> = {};
  if (access === 'wo') return methods;
  if (fields.size > 0) methods.get = getter(layout);
  if (access === 'rc') return methods;
  if (fields.size > 0) methods.until = waiter(layout, fieldsThat(layout, ['rw', 'ro', 'w1c']));
  methods.describe = describer(layout);
  if (access === 'ro') return methods;
  const settable = fieldsThat(layout, ['rw', 'wo']);
  if (settable.length > 0) methods.set = setter(layout, settable);
  const clearable = fieldsThat(layout, ['w1c']);
  if (clearable.length > 0) methods.clear = clearer(layout, clearable);
  return methods;
}

function getter(layout: Layout) {
  const readable = fieldsThat(layout, ['rw', 'ro', 'w1c', 'rc']);
  return function get(this: BoundRegister) {
    return decompose(readable, this.read());
  };
}

function describer(layout: Layout) {
  const readable = shownFields(layout);
  return function describe(this: BoundRegister) {
    return textOf(this.name, layout, readable, this.read());
  };
}

function setter(layout: Layout, fields: readonly Field[]) {
  const { or, and, without } = layout.arithmetic;
  const settable = byName(fields);
  const kept = keptBits(layout);
  return function set(this: BoundRegister, values: unknown) {
    const { mask, value } = compose(layout, values, settable, 'set');
    this.write(or(without(and(this.read(), kept), mask), value));
  };
}

function clearer(layout: Layout, fields: readonly Field[]) {
  const { or, and, without, zero } = layout.arithmetic;
  const clearable = byName(fields);
  const kept = keptBits(layout);
  // If only `ro` bits would be kept, no read is needed: they ignore writes.
  const blind = without(kept, union(layout, fieldsThat(layout, ['ro']))) === zero;
  return function clear(this: BoundRegister, ...names: unknown[]) {
    const mask = maskOf(layout, names, clearable, 'clear');
    this.write(blind ? mask : or(and(this.read(), kept), mask));
  };
}

/**
 * The bits that a read-modify-write writes back as they were read. It writes the other bits as 0. A `w1c` bit
 * that reads as 1 would be cleared otherwise, and the value that a `wo` bit reads as means nothing.
 */
function keptBits(layout: Layout): Word {
  const { arithmetic, access, width } = layout;
  if (access === 'w1c') return union(layout, fieldsThat(layout, ['rw', 'ro']));
  const dropped = union(layout, fieldsThat(layout, ['w1c', 'wo']));
  return arithmetic.without(arithmetic.ones(width - 1, 0), dropped);
}

function fieldsThat({ fields }: Layout, kinds: readonly RegisterAccess[]): Field[] {
  return [...fields.values()].filter(({ access }) => kinds.includes(access));
}

function byName(fields: readonly Field[]): ReadonlyMap<string, Field> {
  return new Map(fields.map((field) => [field.name, field]));
}
