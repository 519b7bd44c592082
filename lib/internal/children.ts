// SPDX-License-Identifier: MIT
// The children of an object: those that it has opened and not closed yet, and those that are being opened.
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

  /** The open children, the oldest first. */
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

  /** Opens a child. If it opens only after the signal has aborted or the parent has closed, it is closed again. */
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

  /** The parent closes: children that are still being opened will be closed as soon as they are open. */
  refuse(): void {
    this.#closed = true;
  }

  /** Closes the children, the newest first, and waits for those that are still being opened. */
  close(): Promise<void> {
    this.refuse();
    return inOrder(
      () => closeNewestFirst(this.list()),
      () => Promise.all(this.#opening),
    );
  }
}
