// SPDX-License-Identifier: MIT
// Patterns for names of tests, and the --name option of every command that has one.
import { InvalidArgumentError } from 'commander';

/** As jest compiles it. */
export function namePattern(text: string): RegExp {
  try {
    return new RegExp(text, 'i');
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** No name matches: every file is loaded and nothing is run. */
export const NOTHING = '(?!)';
