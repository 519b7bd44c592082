// SPDX-License-Identifier: MIT
// The first sentence of a source file's first comment, which says what the file is.

/** So that a row of a table is one line on most screens. */
export const LONGEST = 110;

const HEADER = /^(?:#!|(?:\/\/|#) SPDX-)/;
/** A line of a comment that is not set in, in C++, TypeScript or a list. */
const COMMENT = /^(?:\/\/|#) (?=\S)(?<text>.*)$/;
/** Up to a full stop that something like a new sentence follows, or nothing: not the one of `setup.mjs` or 2.0. */
const SENTENCE = /^.*?\.(?=\s+[^a-z\s]|\s*$)/;

/** Without its full stop. Throws with what is wrong when there is none, or when it is too long for a table. */
export function firstSentence(source: string): string {
  const text = firstParagraph(source.split('\n'));
  if (text === '') throw new Error('it has no first comment: say in one sentence what the file is');
  const sentence = (SENTENCE.exec(text)?.[0] ?? text).replace(/\.$/, '');
  if (sentence.length <= LONGEST) return sentence;
  throw new Error(
    `the first sentence of its first comment has ${sentence.length} characters, more than ${LONGEST}: say in a short one what the file is, and the rest after it`,
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
