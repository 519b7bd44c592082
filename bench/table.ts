// SPDX-License-Identifier: MIT
// Prints a report as text.
import { textTable } from '../tools/table.js';
import type { Machine, Report, Result } from './report.js';

export const resultHead = [
  'name',
  'what',
  'p10',
  'p50',
  'p99',
  '',
  'twin',
  'p50',
  'ratio',
  'target',
  '',
];

/** The cells of a result under {@link resultHead}. */
export function resultCells({ twin, target, ...result }: Result): string[] {
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

/** The conditions in one line. */
export function conditionsLine({ machine, commit, quick }: Report): string {
  return [
    `commit ${commit}`,
    `Node ${machine.node} (V8 ${machine.v8})`,
    `Linux ${machine.kernel}`,
    `${machine.processors} × ${machine.cpu}${machine.emulated ? ', emulated' : ''}`,
    where(machine),
    machine.pinned ? 'threads bound to processors' : 'threads not bound to processors',
    `load ${figure(machine.load)}`,
    ...(quick ? ['quick: too few rounds to judge'] : []),
  ].join(', ');
}

function where({ backend }: Machine): string {
  return backend === 'memory' ? 'a mapped memfd as BAR' : `real BARs over ${backend}`;
}

function factsLine({ name, facts }: Result): string[] {
  if (facts === undefined) return [];
  const parts = Object.entries(facts).map(([fact, value]) => `${fact} ${figure(value)}`);
  return [`${name}: ${parts.join(', ')}`];
}

/** At most three significant figures. Whole numbers stay whole. */
export function figure(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 100) return Math.round(value).toString();
  return Number(value.toPrecision(3)).toString();
}
