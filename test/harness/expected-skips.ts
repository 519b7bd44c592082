// SPDX-License-Identifier: MIT
// Reads test/expected-skips.txt, the list of expected skips and their reasons. Any other skip is a gap in the tests.
import { glob } from './glob.js';

export interface ExpectedSkip {
  readonly suite: RegExp;
  readonly name: RegExp;
}

/** Each line is "suite pattern | test name pattern | reason". In a pattern, `*` stands for any text. */
export function parseExpectedSkips(text: string): ExpectedSkip[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return [];
    const [suite, name, reason, ...more] = line.split(' | ').map((part) => part.trim());
    if (!suite || !name || !reason || more.length > 0) {
      throw new Error(
        `test/expected-skips.txt:${index + 1}: write "suite pattern | test name pattern | reason", not: ${line}`,
      );
    }
    return [{ suite: glob(suite), name: glob(name) }];
  });
}

export function isExpectedSkip(
  expected: readonly ExpectedSkip[],
  suite: string,
  name: string,
): boolean {
  return expected.some((skip) => skip.suite.test(suite) && skip.name.test(name));
}
