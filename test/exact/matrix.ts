// SPDX-License-Identifier: MIT
// Writes build/results/exact-matrix.json: every cell of a complete run, for charts and tables.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../tools/paths.js';
import type { Cell, MatrixCell } from './cells.js';

export function writeMatrix(cells: readonly Cell[]): void {
  const kept = cells.map(({ reason: _reason, executed: _executed, ...cell }): MatrixCell => cell);
  const directory = join(projectRoot, 'build/results');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'exact-matrix.json'), `${JSON.stringify({ cells: kept })}\n`);
}
