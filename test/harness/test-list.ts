// SPDX-License-Identifier: MIT
// Reads lists of tests and their reasons: test/root-only.txt, test/per-kernel.txt.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../tools/paths.js';
import { glob } from './glob.js';

/** Reads `test/FILE`. Each line is "test name pattern | reason". In a pattern, `*` stands for any text. */
export function readTestList(file: string): RegExp[] {
  return parseTestList(file, readFileSync(join(projectRoot, 'test', file), 'utf8'));
}

export function parseTestList(file: string, text: string): RegExp[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return [];
    const [name, reason, ...more] = line.split(' | ').map((part) => part.trim());
    if (!name || !reason || more.length > 0) {
      throw new Error(
        `test/${file}:${index + 1}: write "test name pattern | reason", not: ${line}`,
      );
    }
    return [glob(name)];
  });
}

/** A pattern for the names that match `pattern` and are not in the list. By default, `pattern` matches any name. */
export function allBut(list: readonly RegExp[], pattern = ''): string {
  const none = list.map(({ source }) => `(?!${source})`).join('');
  return `^${none}(?=.*(?:${pattern}))`;
}

/** A pattern for the names that match `pattern` and are in the list. By default, `pattern` matches any name. */
export function onlyOf(list: readonly RegExp[], pattern = ''): string {
  return `^(?=${list.map(({ source }) => source).join('|')})(?=.*(?:${pattern}))`;
}
