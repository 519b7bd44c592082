// SPDX-License-Identifier: MIT
// Random strings for the two parsers of PCI addresses, which must agree.
import { Calls } from './calls.js';
import { makeMachine } from './machine.js';
import { disagreement, NativeParser, nearlyAddress } from './parsers.js';
import { drawFor } from './random.js';

/** The number of strings in a step. */
const STRINGS = 100;

export class ParserSession {
  readonly #seed: number;
  readonly calls: Calls;
  #native: NativeParser | undefined;

  constructor(seed: number, trace?: (line: string) => void) {
    this.#seed = seed;
    this.calls = new Calls(() => {}, trace);
    // Stack traces of a million errors would only cost time.
    Error.stackTraceLimit = 0;
  }

  async step(number: number): Promise<void> {
    if (this.#native === undefined) makeMachine();
    this.#native ??= await NativeParser.open();
    const draw = drawFor(this.#seed, number);
    for (let count = 0; count < STRINGS; count++) {
      const wrong = disagreement(nearlyAddress(draw), this.#native);
      if (wrong !== undefined) this.calls.failure ??= new Error(wrong);
      this.calls.count++;
    }
  }

  async end(): Promise<void> {
    await this.#native?.close();
  }
}
