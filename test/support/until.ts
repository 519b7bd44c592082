// SPDX-License-Identifier: MIT
// Waits for a change that the hardware, the kernel, another thread or another process makes.
import { setTimeout as sleep } from 'node:timers/promises';
import { patience } from './patience.js';

/** Waits until a condition holds, which usually takes milliseconds. The limit, in milliseconds, only catches hangs. */
export async function until(
  holds: () => boolean,
  what = `${holds}`,
  limit = 60_000 * patience,
): Promise<void> {
  const deadline = Date.now() + limit;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`not true after ${limit / 1000} s: ${what}`);
    await sleep(1);
  }
}
