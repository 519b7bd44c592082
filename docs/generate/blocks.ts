// SPDX-License-Identifier: MIT
// The generated blocks of a document, between `begin generated: NAME` and `end generated: NAME`.
import type { Generator } from './generator.js';

/** The markers are comments on lines of their own, which Markdown does not show. */
const BLOCK =
  /^<!-- begin generated: (?<marker>(?<name>[\w-]+)(?: (?<of>\S+))?) -->\n(?<text>[\s\S]*?)^<!-- end generated: \k<marker> -->$/gm;
const BEGIN = /^<!-- begin generated: /gm;

export interface Block {
  /** The name of the generator. */
  readonly name: string;
  /** The argument of the generator: the text after its name in the marker. */
  readonly of: string;
  /** The current text of the block. */
  readonly text: string;
}

/** Throws if a block is not closed. Otherwise such a block would silently stay as it is. */
export function blocksOf(document: string): Block[] {
  const blocks = [...document.matchAll(BLOCK)].map(({ groups }) => ({
    name: groups?.name ?? '',
    of: groups?.of ?? '',
    text: groups?.text ?? '',
  }));
  if (blocks.length !== [...document.matchAll(BEGIN)].length) {
    throw new Error(
      'a generated block is not closed: it has no line "end generated" with the same name',
    );
  }
  return blocks;
}

/** The document, with the text that `make` returns in each block. */
export function withBlocks(document: string, make: (name: string, of: string) => string): string {
  return document.replace(
    BLOCK,
    (_, marker: string, name: string, of = '') =>
      `<!-- begin generated: ${marker} -->\n${blockText(make(name, of))}<!-- end generated: ${marker} -->`,
  );
}

/** The text between empty lines: Markdown would treat a table directly after a comment as part of the comment. */
function blockText(markdown: string): string {
  return `\n${markdown}\n\n`;
}

/** Whether a block has the text that the generator makes. Measured numbers are not compared. */
export function isUpToDate({ of, text }: Block, { measured, markdown }: Generator): boolean {
  const now = blockText(markdown(of));
  return measured ? withoutNumbers(text) === withoutNumbers(now) : text === now;
}

/** Without numbers, and without the padding of tables, because that depends on the width of the numbers. */
function withoutNumbers(text: string): string {
  return text
    .replace(/\d[\d.,_]*/g, '#')
    .replace(/-{3,}/g, '---')
    .replace(/ +/g, ' ');
}
