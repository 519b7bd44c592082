// SPDX-License-Identifier: MIT
// Numbers the tests of one file that have the same name.
import { type TestId, testKey } from './events.js';

/** Gives tests of one file with the same name different names: "name", "name (2)" and so on, in their order. */
export class Numbering {
  readonly #counts = new Map<string, number>();

  next(id: TestId): TestId {
    this.#counts.set(testKey(id), (this.#counts.get(testKey(id)) ?? 0) + 1);
    return this.last(id);
  }

  last({ file, name }: TestId): TestId {
    const count = this.#counts.get(testKey({ file, name })) ?? 1;
    return { file, name: count === 1 ? name : `${name} (${count})` };
  }
}
