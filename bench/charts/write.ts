// SPDX-License-Identifier: MIT
// Writes the charts of a report as files.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../tools/paths.js';
import type { Report } from '../report.js';
import { accessChart } from './access.js';
import { latencyChart } from './latency.js';
import { type ExactMatrix, matrixChart } from './matrix.js';
import { renderSvg } from './render.js';

/** The results that the trap test writes. */
const MATRIX = join(projectRoot, 'build/results/exact-matrix.json');

/** Writes `access-cost.svg`, `interrupt-latency.svg` and, if the trap test has run, `exactness.svg`. */
export async function writeCharts(report: Report, directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const write = (name: string, svg: string) => writeFileSync(join(directory, name), svg);
  write('access-cost.svg', await renderSvg(accessChart(report)));
  write('interrupt-latency.svg', await renderSvg(latencyChart(report)));
  if (!existsSync(MATRIX)) {
    process.stderr.write(
      'bench: exactness.svg was not drawn, because the trap test has no results yet. Run "npm run test:exact" first\n',
    );
    return;
  }
  const matrix = JSON.parse(readFileSync(MATRIX, 'utf8')) as ExactMatrix;
  write('exactness.svg', await renderSvg(matrixChart(matrix)));
}
