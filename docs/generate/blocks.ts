// SPDX-License-Identifier: MIT
// The generated blocks of a document.
import type { Generator } from './generator.js';

/** A comment on a line of its own, which Markdown does not show. */
const BLOCK =
  /^<!-- begin generated: (?<name>[\w-]+) -->\n(?<text>[\s\S]*?)^<!-- end generated: \k<name> -->$/gm;
const BEGIN = /^<!-- begin generated: /gm;

export interface Block {
  readonly name: string;
  /** What stands there. */
  readonly text: string;
}

/** Throws when a block is not closed: it would be left as it is without a word. */
export function blocksOf(document: string): Block[] {
  const blocks = [...document.matchAll(BLOCK)].map(({ groups }) => ({
    name: groups?.name ?? '',
    text: groups?.text ?? '',
  }));
  if (blocks.length !== [...document.matchAll(BEGIN)].length) {
    throw new Error('a generated block begins and has no end of the same name');
  }
  return blocks;
}

/** The document with `make` of a name in each block. */
export function withBlocks(document: string, make: (name: string) => string): string {
  return document.replace(
    BLOCK,
    (_, name: string) =>
      `<!-- begin generated: ${name} -->\n${blockText(make(name))}<!-- end generated: ${name} -->`,
  );
}

/** Set off by empty lines: Markdown would take a table right behind a comment for a part of it. */
function blockText(markdown: string): string {
  return `\n${markdown}\n\n`;
}

/** Whether what stands there is what the generator makes, but for measured numbers. */
export function isUpToDate({ text }: Block, { measured, markdown }: Generator): boolean {
  const now = blockText(markdown());
  return measured ? withoutNumbers(text) === withoutNumbers(now) : text === now;
}

/** Columns are as wide as their numbers, so the padding of tables goes with them. */
function withoutNumbers(text: string): string {
  return text
    .replace(/\d[\d.,_]*/g, '#')
    .replace(/-{3,}/g, '---')
    .replace(/ +/g, ' ');
}
