// SPDX-License-Identifier: MIT
// Where a map can be bound: inside its space, aligned, and its structs apart from each other.
import { rangeError } from '../errors.js';
import { type Bounded, nameOf } from './spaces.js';
import type { Template } from './template.js';

/** Checks that every register lies inside the space, and that `base` keeps it aligned. */
export function checkPlaces(
  templates: readonly Template[],
  { space, byteLength }: Bounded,
  base: number,
): void {
  for (const { layout } of templates) {
    const { name, end, alignment } = layout;
    if (base + end > byteLength) {
      const place = `ends at 0x${(base + end).toString(16)}`;
      throw rangeError(`${name} ${place}, beyond the ${byteLength} bytes of ${nameOf(space)}`);
    }
    checkMultiple('base', base, name, alignment);
  }
}

/** Checks that structs at this distance do not overlap, and that the stride keeps them aligned. */
export function checkStride(templates: readonly Template[], stride: number): void {
  const first = Math.min(...templates.map(({ layout }) => layout.at));
  for (const { layout } of templates) {
    const { name, end, alignment } = layout;
    if (end - first > stride) {
      const place = `${name} ends at byte ${end - first} of its struct`;
      throw rangeError(`${place}, beyond the stride of ${stride} bytes`);
    }
    checkMultiple('stride', stride, name, alignment);
  }
}

function checkMultiple(what: string, value: number, register: string, alignment: number): void {
  if (value % alignment === 0) return;
  const multiple = `Expected a multiple of ${alignment} (the access width of ${register} in bytes)`;
  throw rangeError(`${multiple} for ${what} but received ${value}`, 'ERR_VFIO_ALIGN');
}
