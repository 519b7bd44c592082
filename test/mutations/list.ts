// SPDX-License-Identifier: MIT
// Reads test/mutations.json: small faults, each with the test that has to turn red.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../tools/paths.js';

/** The test that has to notice; regular expressions for jest, a part of the name for doctest. */
export type Test = { readonly native: string } | { readonly jest: string; readonly name: string };

export interface Mutation {
  /** What is wrong with the program then. */
  readonly what: string;
  /** The source it is made in; `find` occurs there once. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  readonly red: Test;
}

export function readMutations(): Mutation[] {
  return JSON.parse(readFileSync(join(projectRoot, 'test/mutations.json'), 'utf8'));
}

/** The source with the fault in it. */
export function mutate(source: string, { what, file, find, replace }: Mutation): string {
  const [before, after, ...more] = source.split(find);
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(`${what}: what to find is not once in ${file}`);
  }
  return before + replace + after;
}

/** For people, and to tell tests apart. */
export function testName(test: Test): string {
  return 'native' in test ? `native: ${test.native}` : `${test.jest}: ${test.name}`;
}
