// SPDX-License-Identifier: MIT
// Classes whose objects only the library makes. A program finds their constructors by name
// (`device.constructor`), but it cannot call them: it has no value of this symbol.

const key: unique symbol = Symbol('vfio');

/** What such a constructor takes first. */
export type Ours = typeof key;
export const ours: Ours = key;

/** Refuses a constructor call of a program. */
export function mustBeOurs(given: unknown): void {
  if (given === ours) return;
  const message = 'Illegal constructor: the functions and methods of vfio make these objects';
  throw Object.assign(new TypeError(message), { code: 'ERR_ILLEGAL_CONSTRUCTOR' });
}
