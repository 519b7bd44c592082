// SPDX-License-Identifier: MIT
// What a parent has opened and not yet closed, and what is still being opened.
import { closedError } from '../errors.js';
import { type Closable, closeNewestFirst, inOrder } from './closing.js';
import { startOpening } from './opening.js';

export class Children<T extends Closable> {
  readonly #owner: string;
  readonly #live = new Set<T>();
  readonly #opening = new Set<Promise<void>>();
  #closed = false;

  /** `owner` names the parent in errors. */
  constructor(owner: string) {
    this.#owner = owner;
  }

  /** The living ones, the oldest first. */
  list(): T[] {
    return [...this.#live];
  }

  has(child: T): boolean {
    return this.#live.has(child);
  }

  add(child: T): void {
    this.#live.add(child);
  }

  delete(child: T): void {
    this.#live.delete(child);
  }

  /** Opens a child. What arrives after the signal aborted or the parent closed is closed. */
  open(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { result, settled } = startOpening(work, {
      signal,
      refusal: () => (this.#closed ? closedError(this.#owner) : undefined),
      admit: (child) => this.add(child),
    });
    this.#opening.add(settled);
    settled.finally(() => this.#opening.delete(settled));
    return result;
  }

  /** The parent closes: what is still being opened is not wanted any more. */
  refuse(): void {
    this.#closed = true;
  }

  /** Closes them, the newest first, and waits for what is still being opened. */
  close(): Promise<void> {
    this.refuse();
    return inOrder(
      () => closeNewestFirst(this.list()),
      () => Promise.all(this.#opening),
    );
  }
}
