// SPDX-License-Identifier: MIT
// Reads test/expected-skips.txt: which skips are expected, and why. Any other is a gap that somebody has to see.
import { glob } from './glob.js';

export interface ExpectedSkip {
  readonly suite: RegExp;
  readonly name: RegExp;
}

/** Each line: suite pattern | test name pattern | reason. In a pattern, `*` stands for any text. */
export function parseExpectedSkips(text: string): ExpectedSkip[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return [];
    const [suite, name, reason, ...more] = line.split(' | ').map((part) => part.trim());
    if (!suite || !name || !reason || more.length > 0) {
      throw new Error(
        `test/expected-skips.txt:${index + 1}: expected "suite pattern | test name pattern | reason", got: ${line}`,
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
