// SPDX-License-Identifier: MIT
// The longest ArrayBuffer over memory of the library.
import { constants } from 'node:buffer';

/** Says why no ArrayBuffer can have so many bytes. Node 20 ends the process if one over external memory is longer. */
export function tooLongForArray(bytes: number): string | undefined {
  if (bytes <= constants.MAX_LENGTH) return undefined;
  return `${bytes} bytes are longer than an ArrayBuffer of this engine, which has at most ${constants.MAX_LENGTH}`;
}
