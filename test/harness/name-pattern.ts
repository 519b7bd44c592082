// SPDX-License-Identifier: MIT
// The argument of --name, in every command that has one.
import { InvalidArgumentError } from 'commander';

/** As jest compiles it. */
export function namePattern(text: string): RegExp {
  try {
    return new RegExp(text, 'i');
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}
