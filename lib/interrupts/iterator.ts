// SPDX-License-Identifier: MIT
// `for await` over an interrupt: counts that arrive while the loop body runs add up for the next step.
import type { Subscriber } from './subscriber.js';

type Step = IteratorResult<number, undefined>;

const done: Step = { value: undefined, done: true };

/** The side of an iteration that the vector calls. */
export let subscriberOf: (iterator: InterruptIterator) => Subscriber;

export class InterruptIterator implements AsyncIterableIterator<number, undefined, undefined> {
  static {
    subscriberOf = (iterator) => iterator.#subscriber;
  }

  readonly #subscriber: Subscriber = {
    deliver: (count) => this.#deliver(count),
    end: () => this.#end(),
    serves: true,
  };
  readonly #leave: (unused: number) => void;
  #pending = 0;
  #waiting: ((step: Step) => void)[] = [];
  #body: Promise<void> | undefined;
  #bodyDone = () => {};
  #ended = false;

  /** `leave` unsubscribes. It receives the number of interrupts that no step has returned. */
  constructor(leave: (unused: number) => void) {
    this.#leave = leave;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The loop asks for the next step. If there is none yet, its body has served the device. */
  async next(): Promise<Step> {
    if (this.#pending > 0) {
      const value = this.#pending;
      this.#pending = 0;
      return { value, done: false };
    }
    this.#finishBody();
    if (this.#ended) return done;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The loop was left early. */
  async return(): Promise<Step> {
    const unused = this.#pending;
    this.#pending = 0;
    if (!this.#ended) this.#leave(unused);
    this.#end();
    return done;
  }

  /** Returns a promise that settles when the loop body is done with all delivered counts. */
  #deliver(count: number): Promise<void> {
    const next = this.#waiting.shift();
    if (next === undefined) this.#pending += count;
    else next({ value: count, done: false });
    this.#body ??= new Promise((resolve) => {
      this.#bodyDone = resolve;
    });
    return this.#body;
  }

  #end(): void {
    this.#ended = true;
    this.#finishBody();
    for (const resolve of this.#waiting.splice(0)) resolve(done);
  }

  #finishBody(): void {
    this.#body = undefined;
    this.#bodyDone();
  }
}
