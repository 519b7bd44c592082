// SPDX-License-Identifier: MIT
// Patterns for names of tests, and the parser of the option --name of all commands.
import { InvalidArgumentError } from 'commander';

/** Compiles a pattern like jest does: as a regular expression that ignores case. */
export function namePattern(text: string): RegExp {
  try {
    return new RegExp(text, 'i');
  } catch (error) {
    throw new InvalidArgumentError(`Write a regular expression: ${(error as Error).message}`);
  }
}

/** A pattern that no name matches. With it, jest loads all files and runs no test. */
export const NOTHING = '(?!)';
