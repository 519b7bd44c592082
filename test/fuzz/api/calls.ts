// SPDX-License-Identifier: MIT
// Makes calls and judges their outcome, at once or when a promise settles.
import { describeCall } from './describe.js';
import { isAnswer } from './judge.js';

/** Far more than anything takes once everything is closed. */
const LIMIT_MS = 20_000;

export interface Call {
  /** What is called, in words. */
  what: string;
  args: readonly unknown[];
  make: () => unknown;
  /** Nothing but that it is survived. */
  onlySurvive?: boolean;
}

export class Calls {
  readonly #absorb: (value: unknown) => void;
  readonly #trace: ((line: string) => void) | undefined;
  readonly #pending = new Map<Promise<void>, string>();
  /** How many were made. */
  count = 0;
  /** The first answer that was none. */
  failure: Error | undefined;

  /** `absorb` gets what calls give. */
  constructor(absorb: (value: unknown) => void, trace?: (line: string) => void) {
    this.#absorb = absorb;
    this.#trace = trace;
  }

  make(call: Call): void {
    const line = describeCall(call.what, call.args);
    this.#trace?.(line);
    this.count++;
    const judge = (failure: unknown) => {
      if (!call.onlySurvive) this.judge(failure, line);
    };
    try {
      this.#take(call.make(), line, judge);
    } catch (failure) {
      judge(failure);
    }
  }

  /** Something other than a call. */
  note(line: string): void {
    this.#trace?.(line);
  }

  judge(failure: unknown, line: string): void {
    if (isAnswer(failure)) return;
    this.failure ??= new Error(`${line}: this is no answer`, { cause: failure });
  }

  /** Waits a little for what is under way. */
  async turn(): Promise<void> {
    const pending = Promise.all(this.#pending.keys());
    await Promise.race([pending, new Promise((resolve) => setImmediate(resolve))]);
  }

  /** Waits for everything, once nothing is in its way any more. */
  async settle(): Promise<void> {
    const deadline = Date.now() + LIMIT_MS;
    while (this.#pending.size > 0 && this.failure === undefined) {
      if (Date.now() > deadline) {
        const [line] = this.#pending.values();
        this.failure = new Error(`${line}: never settled, though everything was closed`);
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  #take(result: unknown, line: string, judge: (failure: unknown) => void): void {
    if (!(result instanceof Promise)) {
      this.#absorb(result);
      return;
    }
    const settled: Promise<void> = result
      .then((value) => this.#absorb(value), judge)
      .finally(() => this.#pending.delete(settled));
    this.#pending.set(settled, line);
  }
}
