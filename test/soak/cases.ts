// SPDX-License-Identifier: MIT
// The cases of the soak, in the order in which they run.
import { killCase } from './kill.js';
import { leakCases } from './leaks.js';
import { mixedCase } from './mixed.js';
import { slowOpenCase } from './slow-open.js';
import type { SoakCase } from './soak.js';
import { toggleCase } from './toggles.js';

export const cases: readonly SoakCase[] = [
  killCase,
  toggleCase,
  ...leakCases,
  mixedCase,
  slowOpenCase,
];
