// SPDX-License-Identifier: MIT
// What stands in the documents and is made by a program: between `begin generated: NAME` and `end generated: NAME`.
import { benchmarks } from './benchmarks.js';
import { exactness } from './exactness.js';
import { promises } from './promises.js';

export interface Generator {
  /** Its numbers were measured, so no two runs agree: they are left out of the comparison. */
  readonly measured: boolean;
  /** Without an empty line at either end. */
  markdown(): string;
}

/** By the name in the markers. One file beside this for each. */
export const GENERATORS: Readonly<Record<string, Generator>> = {
  benchmarks,
  exactness,
  promises,
};
