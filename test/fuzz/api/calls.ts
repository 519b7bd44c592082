// SPDX-License-Identifier: MIT
// Makes calls and judges their outcome, either at once or when a promise settles.
import { describeCall } from './describe.js';
import { isAnswer } from './judge.js';

/** A hang guard: once everything is closed, nothing takes that long. */
const LIMIT_MS = 20_000;

export interface Call {
  /** The name of what is called. */
  what: string;
  args: readonly unknown[];
  make: () => unknown;
  /** The process only has to survive the call: its outcome is not judged. */
  onlySurvive?: boolean;
}

export class Calls {
  readonly #absorb: (value: unknown) => void;
  readonly #trace: ((line: string) => void) | undefined;
  readonly #pending = new Map<Promise<void>, string>();
  /** The number of calls so far. */
  count = 0;
  /** The first outcome that was not a proper answer. */
  failure: Error | undefined;

  /** `absorb` gets the results of calls. */
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

  /** Traces an event that is not a call. */
  note(line: string): void {
    this.#trace?.(line);
  }

  judge(failure: unknown, line: string): void {
    if (isAnswer(failure)) return;
    this.failure ??= new Error(`${line}: this is not a proper answer`, { cause: failure });
  }

  /** Gives pending calls a moment to settle. */
  async turn(): Promise<void> {
    const pending = Promise.all(this.#pending.keys());
    await Promise.race([pending, new Promise((resolve) => setImmediate(resolve))]);
  }

  /** Waits for all pending calls, once nothing blocks them. */
  async settle(): Promise<void> {
    const deadline = Date.now() + LIMIT_MS;
    while (this.#pending.size > 0 && this.failure === undefined) {
      if (Date.now() > deadline) {
        const [line] = this.#pending.values();
        this.failure = new Error(`${line}: never settled, although everything was closed`);
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
