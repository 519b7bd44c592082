// SPDX-License-Identifier: MIT
// Timers that end together.

export class Timers {
  readonly #running = new Set<NodeJS.Timeout>();

  /** Calls `step` once, after `ms` milliseconds. */
  after(ms: number, step: () => void): void {
    const timer = setTimeout(() => {
      this.#running.delete(timer);
      step();
    }, ms);
    this.#running.add(timer);
  }

  clear(): void {
    for (const timer of this.#running) clearTimeout(timer);
    this.#running.clear();
  }
}
