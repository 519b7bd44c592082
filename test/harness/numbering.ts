// SPDX-License-Identifier: MIT
// Tells tests of the same name in one file apart.
import { type TestId, testKey } from './events.js';

/** Tells tests of one file with the same name apart: "name", "name (2)" and so on, as they come. */
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
