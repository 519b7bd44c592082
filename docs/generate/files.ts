// SPDX-License-Identifier: MIT
// The tables of ARCHITECTURE.md: the files of one folder, each with the first sentence of its first comment.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../tools/paths.js';
import { firstSentence } from './first-sentence.js';
import type { Generator } from './generator.js';

const LISTED = /\.(ts|mjs|cc|c|h|txt)$/;
/** Tests are not listed, because their names say what they are. */
export const TEST = /(\.test\.ts|_test\.cc)$/;

/** The generator of the blocks `files FOLDER`. */
export const files: Generator = {
  measured: false,
  markdown: (folder) => fileTable(projectRoot, folder),
};

/** The table of a folder of the checkout in `root`. Throws an error with a line for each file without a description. */
export function fileTable(root: string, folder: string): string {
  const names = readdirSync(join(root, folder))
    .filter((name) => LISTED.test(name) && !TEST.test(name))
    .sort();
  const problems: string[] = [];
  const rows = names
    .filter((name) => !isSecondOfPair(name, names))
    .map((name) => {
      const title = names.includes(sourceOf(name)) ? name.replace(/h$/, '{h,cc}') : name;
      try {
        const sentence = firstSentence(readFileSync(join(root, folder, name), 'utf8'));
        return `| \`${title}\` | ${sentence.replaceAll('|', '\\|')} |`;
      } catch (error) {
        problems.push(`${folder}/${name}: ${(error as Error).message}`);
        return '';
      }
    });
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return ['| file | what it is |', '| --- | --- |', ...rows].join('\n');
}

/** A header and its source are one row, which the header describes. */
function isSecondOfPair(name: string, names: readonly string[]): boolean {
  return name.endsWith('.cc') && names.includes(name.replace(/cc$/, 'h'));
}

function sourceOf(header: string): string {
  return header.endsWith('.h') ? header.replace(/h$/, 'cc') : '';
}
