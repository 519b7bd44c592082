// SPDX-License-Identifier: MIT
// Progress messages: a terminal shows them at once, other outputs get them only for work that takes minutes.

const MINUTE_MS = 60_000;

let current = '';

/** Shows what the program is doing now, on one line that the next call replaces. */
export function progress(text: string): void {
  current = text;
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

export function clearProgress(): void {
  current = '';
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
}

/** Prints a line that stays, on a terminal and elsewhere. */
export function say(text: string): void {
  clearProgress();
  process.stderr.write(`${text}\n`);
}

/** Runs `work`. Without a terminal, it prints the current progress message once a minute. */
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
