// SPDX-License-Identifier: MIT
// Raises interrupts for completions: messages, and the INTx line (NVMe over PCIe Transport 1.0, 3.4).
import type { NvmeHost } from './host.js';
import type { CompletionQueue } from './rings.js';

/** Vectors that INTMS and INTMC can mask. */
const MASKABLE = 32;

export class Interrupts {
  readonly #host: NvmeHost;
  /** Queues that have announced completions which the driver has not consumed. */
  readonly #announced = new Set<CompletionQueue>();
  /** Vectors whose message waits until the driver unmasks them. */
  readonly #held = new Set<number>();
  #mask = 0;
  #line = false;

  constructor(host: NvmeHost) {
    this.#host = host;
  }

  /** The mask that INTMS and INTMC change. Bit 0 is vector 0. */
  get mask(): number {
    return this.#mask;
  }

  set mask(mask: number) {
    this.#mask = mask >>> 0;
    for (const vector of [...this.#held]) {
      if (this.#masked(vector)) continue;
      this.#held.delete(vector);
      this.#host.raise(vector);
    }
    this.#setLine();
  }

  /** These queues have new completions. Queues that share a vector cause one message. */
  announce(queues: ReadonlySet<CompletionQueue>): void {
    const vectors = new Set<number>();
    for (const queue of queues) {
      if (queue.vector === undefined) continue;
      this.#announced.add(queue);
      vectors.add(queue.vector);
    }
    for (const vector of vectors) {
      if (this.#masked(vector)) this.#held.add(vector);
      else this.#host.raise(vector);
    }
    this.#setLine();
  }

  /** The driver has consumed completions of a queue. */
  consumed(queue: CompletionQueue): void {
    if (queue.unread === 0) this.#announced.delete(queue);
    this.#setLine();
  }

  /** A reset: nothing is masked or announced. */
  clear(): void {
    this.#announced.clear();
    this.#held.clear();
    this.#mask = 0;
    this.#setLine();
  }

  #masked(vector: number): boolean {
    return vector < MASKABLE && ((this.#mask >>> vector) & 1) === 1;
  }

  #setLine(): void {
    const asserted = [...this.#announced].some(
      (queue) => queue.unread > 0 && !this.#masked(queue.vector as number),
    );
    if (asserted === this.#line) return;
    this.#line = asserted;
    this.#host.setLine?.(asserted);
  }
}
