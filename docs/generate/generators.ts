// SPDX-License-Identifier: MIT
// All generators, by name.
import { benchmarks } from './benchmarks.js';
import { exactness } from './exactness.js';
import { files } from './files.js';
import type { Generator } from './generator.js';
import { promises } from './promises.js';

/** By the name in the markers of a block. One file beside this for each. */
export const GENERATORS: Readonly<Record<string, Generator>> = {
  benchmarks,
  exactness,
  files,
  promises,
};
