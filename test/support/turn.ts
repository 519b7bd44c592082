// SPDX-License-Identifier: MIT
// Waits for a turn of the event loop.

/** Lets everything run that is ready to run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
