// SPDX-License-Identifier: MIT
// Protects constructors that only the library calls. A program can reach such a constructor (`device.constructor`), but
// it does not have this symbol, which the constructor takes as its first argument.

const key: unique symbol = Symbol('vfio');

/** The type of the first argument of such a constructor. */
export type Ours = typeof key;
export const ours: Ours = key;

/** Throws if a program called the constructor. */
export function mustBeOurs(given: unknown): void {
  if (given === ours) return;
  const message = 'Illegal constructor: only functions and methods of vfio create these objects';
  throw Object.assign(new TypeError(message), { code: 'ERR_ILLEGAL_CONSTRUCTOR' });
}
