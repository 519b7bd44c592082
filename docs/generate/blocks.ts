// SPDX-License-Identifier: MIT
// The generated blocks of a document, between `begin generated: NAME` and `end generated: NAME`.
import type { Generator } from './generator.js';

/** A comment on a line of its own, which Markdown does not show. */
const BLOCK =
  /^<!-- begin generated: (?<marker>(?<name>[\w-]+)(?: (?<of>\S+))?) -->\n(?<text>[\s\S]*?)^<!-- end generated: \k<marker> -->$/gm;
const BEGIN = /^<!-- begin generated: /gm;

export interface Block {
  /** The name of its generator. */
  readonly name: string;
  /** What stands behind the name: of what the block is. */
  readonly of: string;
  /** What stands there. */
  readonly text: string;
}

/** Throws when a block is not closed: it would be left as it is without a word. */
export function blocksOf(document: string): Block[] {
  const blocks = [...document.matchAll(BLOCK)].map(({ groups }) => ({
    name: groups?.name ?? '',
    of: groups?.of ?? '',
    text: groups?.text ?? '',
  }));
  if (blocks.length !== [...document.matchAll(BEGIN)].length) {
    throw new Error('a generated block begins and has no end of the same name');
  }
  return blocks;
}

/** The document with what `make` gives in each block. */
export function withBlocks(document: string, make: (name: string, of: string) => string): string {
  return document.replace(
    BLOCK,
    (_, marker: string, name: string, of = '') =>
      `<!-- begin generated: ${marker} -->\n${blockText(make(name, of))}<!-- end generated: ${marker} -->`,
  );
}

/** Set off by empty lines: Markdown would take a table right behind a comment for a part of it. */
function blockText(markdown: string): string {
  return `\n${markdown}\n\n`;
}

/** Whether what stands there is what the generator makes, but for measured numbers. */
export function isUpToDate({ of, text }: Block, { measured, markdown }: Generator): boolean {
  const now = blockText(markdown(of));
  return measured ? withoutNumbers(text) === withoutNumbers(now) : text === now;
}

/** Columns are as wide as their numbers, so the padding of tables goes with them. */
function withoutNumbers(text: string): string {
  return text
    .replace(/\d[\d.,_]*/g, '#')
    .replace(/-{3,}/g, '---')
    .replace(/ +/g, ' ');
}
