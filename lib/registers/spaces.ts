// SPDX-License-Identifier: MIT
// The spaces that registers are bound to: regions and memory, and which of them each bound register lies in.
import { types } from 'node:util';
import { expected } from '../internal/validate.js';
import { memoryAccessors } from './memory.js';
import type { MemorySpace, RegisterSpace } from './types.js';

/** A space with its size, which is read only once. */
export interface Bounded {
  readonly space: RegisterSpace;
  readonly byteLength: number;
}

/** Accepts a region or memory. Throws a TypeError for anything else, `ERR_VFIO_CLOSED` for a closed buffer. */
export function boundedSpace(given: RegisterSpace | MemorySpace): Bounded {
  if ('iova' in Object(given)) return boundedMemory(given as MemorySpace);
  const { byteLength, read32 } = Object(given) as Partial<RegisterSpace>;
  if (typeof byteLength !== 'number' || typeof read32 !== 'function')
    throw expected('a region or a DmaBuffer', 'space', given);
  return { space: given as RegisterSpace, byteLength };
}

function boundedMemory(given: MemorySpace): Bounded {
  const { iova, byteLength, u8, u16, u32, u64 } = given;
  const views = types.isUint8Array(u8) && types.isUint16Array(u16) && types.isUint32Array(u32);
  if (
    typeof iova !== 'bigint' ||
    typeof byteLength !== 'number' ||
    !views ||
    !types.isBigUint64Array(u64)
  )
    throw expected('a region or a DmaBuffer', 'space', given);
  const memory = { iova, byteLength, u8, u16, u32, u64 };
  return { space: memoryAccessors(memory, () => given.closed === true), byteLength };
}

const spaces = new WeakMap<object, RegisterSpace>();

/** Notes the space of a bound register for {@link spaceOf}. A property would be visible to programs. */
export function setSpace(register: object, space: RegisterSpace): void {
  spaces.set(register, space);
}

/** The space of a bound register. Undefined for a copy of one, which a program can make. */
export function spaceOf(register: object): RegisterSpace | undefined {
  return spaces.get(register);
}

/** Names the space of a bound register: `BAR0 of 0000:01:00.0`. */
export function spaceName(register: object): string {
  const space = spaceOf(register);
  return space === undefined ? 'its region' : nameOf(space);
}

/** Names a space, with its device if it has one. */
export function nameOf({ name, address }: Pick<RegisterSpace, 'name' | 'address'>): string {
  return address === undefined ? name : `${name} of ${address}`;
}
