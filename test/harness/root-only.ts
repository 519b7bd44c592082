// SPDX-License-Identifier: MIT
// test/root-only.txt: which VM tests an ordinary user leaves out, and why. All others have to pass for it.
import { glob } from './glob.js';

/** Each line: test name pattern | reason. In a pattern, `*` stands for any text. Gives the patterns. */
export function parseRootOnly(text: string): RegExp[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return [];
    const [name, reason, ...more] = line.split(' | ').map((part) => part.trim());
    if (!name || !reason || more.length > 0) {
      throw new Error(
        `test/root-only.txt:${index + 1}: expected "test name pattern | reason", got: ${line}`,
      );
    }
    return [glob(name)];
  });
}

/** A pattern for the names that match `pattern`, any by default, and none of the others. */
export function allBut(others: readonly RegExp[], pattern = ''): string {
  const none = others.map(({ source }) => `(?!${source})`).join('');
  return `^${none}(?=.*(?:${pattern}))`;
}
