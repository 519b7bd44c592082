// SPDX-License-Identifier: MIT
// The first sentence of a source file's first comment, which says what the file is.

/** The longest sentence, in characters. A row of the table is then one line on most screens. */
export const LONGEST = 110;

const HEADER = /^(?:#!|(?:\/\/|#) SPDX-)/;
/** A comment line that is not indented, in C++, TypeScript or a list. */
const COMMENT = /^(?:\/\/|#) (?=\S)(?<text>.*)$/;
/** Ends at a full stop before a new sentence or before the end, but not at the one in `setup.mjs` or 2.0. */
const SENTENCE = /^.*?\.(?=\s+[^a-z\s]|\s*$)/;

/** Returns the sentence without its full stop. Throws an error with advice if there is none, or if it is too long. */
export function firstSentence(source: string): string {
  const text = firstParagraph(source.split('\n'));
  if (text === '') {
    throw new Error('it has no first comment: add one, and say in one sentence what the file is');
  }
  const sentence = (SENTENCE.exec(text)?.[0] ?? text).replace(/\.$/, '');
  if (sentence.length <= LONGEST) return sentence;
  throw new Error(
    `the first sentence of its first comment is too long: it has ${sentence.length} characters, more than ${LONGEST}. Say in a short sentence what the file is, and put the rest into further sentences`,
  );
}

function firstParagraph(lines: readonly string[]): string {
  const start = lines.findIndex((line) => !HEADER.test(line));
  const comment: string[] = [];
  for (const line of lines.slice(Math.max(start, 0))) {
    const text = COMMENT.exec(line)?.groups?.text;
    if (text === undefined) break;
    comment.push(text.trim());
  }
  return comment.join(' ');
}
