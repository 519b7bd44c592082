// SPDX-License-Identifier: MIT
// Finds the users of an interrupt line: the names of its handlers in /proc/interrupts.
import { readText } from './files.js';

/** The names of the handlers of a line, as /proc/interrupts lists them; undefined if it lists none. */
export function interruptUsers(line: number, root = ''): string | undefined {
  const rows = readText(`${root}/proc/interrupts`)?.split('\n') ?? [];
  const row = rows.find((text) => text.trimStart().startsWith(`${line}:`));
  // The counts, chip, number and trigger come first. The names follow after two or more spaces.
  return row?.match(/(?:edge|level|fasteoi)\s{2,}(\S.*)$/i)?.[1];
}
