// SPDX-License-Identifier: MIT
// What stands in the documents and is made by a program: between `begin generated: NAME` and `end generated: NAME`.
import { benchmarks } from './benchmarks.js';
import { exactness } from './exactness.js';
import type { Generator } from './generator.js';
import { promises } from './promises.js';

/** By the name in the markers. One file beside this for each. */
export const GENERATORS: Readonly<Record<string, Generator>> = {
  benchmarks,
  exactness,
  promises,
};
