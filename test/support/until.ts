// SPDX-License-Identifier: MIT
// Waits for what the hardware, the kernel, another thread or another process does.
import { setTimeout as sleep } from 'node:timers/promises';
import { patience } from './patience.js';

/** Waits until something holds, in milliseconds as a rule; the limit, in milliseconds too, is for what hangs. */
export async function until(
  holds: () => boolean,
  what = `${holds}`,
  limit = 60_000 * patience,
): Promise<void> {
  const deadline = Date.now() + limit;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`not within ${limit / 1000} s: ${what}`);
    await sleep(1);
  }
}
