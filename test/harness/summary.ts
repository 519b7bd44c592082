// SPDX-License-Identifier: MIT
// Counts the cases of a run, and makes the lines of its summary.
import type { CaseRecord } from './recorder.js';

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export function count(cases: readonly CaseRecord[]): Counts {
  const of = (status: string) => cases.filter((one) => one.status === status).length;
  return { passed: of('passed'), failed: of('failed'), skipped: of('skipped') };
}

/** The last line of every run. */
export function countsLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** One line for each suite, kernel and back end, in the order of their first case. */
export function groupLines(cases: readonly CaseRecord[]): string[] {
  const groups = new Map<string, CaseRecord[]>();
  for (const one of cases) {
    const kernel = one.kernel === '' ? '' : ` (${one.kernel})`;
    const backend = one.backend === '' ? '' : ` ${one.backend}`;
    const label = `${one.suite.replace('-', ' ')}${kernel}${backend}`;
    groups.set(label, [...(groups.get(label) ?? []), one]);
  }
  return [...groups].map(([label, group]) => {
    const seconds = group.reduce((sum, one) => sum + one.ms, 0) / 1000;
    return `${label}: ${countsLine(count(group))}, ${seconds.toFixed(1)} s`;
  });
}

export function exitStatus({ passed, failed }: Counts): 0 | 1 {
  return failed > 0 || passed === 0 ? 1 : 0;
}
