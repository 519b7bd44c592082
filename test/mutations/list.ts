// SPDX-License-Identifier: MIT
// Reads test/mutations.json: a list of small faults, each with the test that must fail.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../tools/paths.js';

/** The test that must fail: for jest, regular expressions for its file and name; for doctest, a part of its name. */
export type Test = { readonly native: string } | { readonly jest: string; readonly name: string };

export interface Mutation {
  /** A description of the faulty behaviour. */
  readonly what: string;
  /** The source file to change. `find` must occur in it exactly once. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  readonly red: Test;
}

export function readMutations(): Mutation[] {
  return JSON.parse(readFileSync(join(projectRoot, 'test/mutations.json'), 'utf8'));
}

/** Returns the source with the fault in it. */
export function mutate(source: string, { what, file, find, replace }: Mutation): string {
  const [before, after, ...more] = source.split(find);
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(
      `${what}: its "find" text must occur exactly once in ${file}, but it occurs ${source.split(find).length - 1} times`,
    );
  }
  return before + replace + after;
}

/** The name of a test for people. Different tests have different names. */
export function testName(test: Test): string {
  return 'native' in test ? `native: ${test.native}` : `${test.jest}: ${test.name}`;
}
