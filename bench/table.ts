// SPDX-License-Identifier: MIT
// Prints a report as text.
import { textTable } from '../tools/table.js';
import { conditionsLine, figure, type Report, type Result } from './report.js';

const resultHead = ['name', 'what', 'p10', 'p50', 'p99', '', 'twin', 'p50', 'ratio', 'target', ''];

/** The cells of a result under {@link resultHead}. */
function resultCells({ twin, target, ...result }: Result): string[] {
  return [
    result.name,
    result.what,
    figure(result.p10),
    figure(result.p50),
    figure(result.p99),
    result.unit,
    twin.what,
    figure(twin.p50),
    `${figure(result.ratio)}×`,
    target?.text ?? '',
    target === undefined ? '' : target.reached ? 'reached' : 'MISSED',
  ];
}

/** All results of a report as a table. The conditions are above it, further numbers below it. */
export function reportText(report: Report): string {
  const rows = report.results.map(resultCells);
  return [
    conditionsLine(report),
    '',
    textTable(resultHead, rows, [2, 3, 4, 7, 8]),
    ...report.results.flatMap(factsLine),
  ].join('\n');
}

function factsLine({ name, facts }: Result): string[] {
  if (facts === undefined) return [];
  const parts = Object.entries(facts).map(([fact, value]) => `${fact} ${figure(value)}`);
  return [`${name}: ${parts.join(', ')}`];
}
