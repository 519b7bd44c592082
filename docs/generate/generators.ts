// SPDX-License-Identifier: MIT
// All generators, by name.
import { benchmarks } from './benchmarks.js';
import { exactness } from './exactness.js';
import { files } from './files.js';
import type { Generator } from './generator.js';
import { promises } from './promises.js';

/** The generators, by the name in the markers of a block. Each has a file of its own in this folder. */
export const GENERATORS: Readonly<Record<string, Generator>> = {
  benchmarks,
  exactness,
  files,
  promises,
};
