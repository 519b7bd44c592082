// SPDX-License-Identifier: MIT
// Who uses an interrupt line, by the names that its handlers gave the kernel.
import { readText } from './files.js';

/** The names of the handlers of a line, as /proc/interrupts lists them; undefined where it lists none. */
export function interruptUsers(line: number, root = ''): string | undefined {
  const rows = readText(`${root}/proc/interrupts`)?.split('\n') ?? [];
  const row = rows.find((text) => text.trimStart().startsWith(`${line}:`));
  // Counts, chip, number and trigger come first; the names follow after two spaces or more.
  return row?.match(/(?:edge|level|fasteoi)\s{2,}(\S.*)$/i)?.[1];
}
