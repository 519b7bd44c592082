// SPDX-License-Identifier: MIT
// Progress messages: at once on a terminal, elsewhere only for what takes minutes.

const MINUTE_MS = 60_000;

let current = '';

/** What is being done now. */
export function progress(text: string): void {
  current = text;
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

export function clearProgress(): void {
  current = '';
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
}

/** A line that stays, on a terminal and elsewhere. */
export function say(text: string): void {
  clearProgress();
  process.stderr.write(`${text}\n`);
}

/** While `work` goes on, says each minute how far it is, where that is not seen all the time. */
export async function sayEachMinute<T>(work: () => Promise<T>): Promise<T> {
  const timer = setInterval(() => {
    if (!process.stderr.isTTY && current !== '') process.stderr.write(`${current}\n`);
  }, MINUTE_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
