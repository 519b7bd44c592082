// SPDX-License-Identifier: MIT
// Compares two reports. A result has changed if its median moved by more than the noise of both runs. It clearly got
// worse if both its time and its ratio to its twin rose by more than that, so a slower machine is not a regression.
import type { Distribution } from '../tools/statistics.js';
import { textTable } from '../tools/table.js';
import { figure, type Report, type Result } from './report.js';

/** A smaller difference is not a change, however quiet the runs were. */
const LEAST_NOISE = 0.1;
/** A larger difference is a change, however noisy the runs were. */
const MOST_NOISE = 1;

export type Verdict = 'same' | 'better' | 'worse' | 'slower with its twin' | 'new' | 'gone';

export interface Change {
  readonly name: string;
  readonly before: Result | undefined;
  readonly after: Result | undefined;
  /** The median after, divided by the median before. */
  readonly factor: number;
  /** The ratio to the twin after, divided by the ratio before. */
  readonly ratioFactor: number;
  readonly noise: number;
  readonly verdict: Verdict;
}

/** The changes from one report to the other: in the order of the first, then the results that are new. */
export function compareReports(before: Report, after: Report): Change[] {
  const old = new Map(before.results.map((result) => [result.name, result]));
  const young = new Map(after.results.map((result) => [result.name, result]));
  return [...new Set([...old.keys(), ...young.keys()])].map((name) =>
    change(name, old.get(name), young.get(name)),
  );
}

function change(name: string, before: Result | undefined, after: Result | undefined): Change {
  const both = { name, before, after };
  if (before === undefined || after === undefined) {
    const verdict = before === undefined ? 'new' : 'gone';
    return { ...both, factor: 1, ratioFactor: 1, noise: 0, verdict };
  }
  const factor = after.p50 / before.p50;
  const ratioFactor = after.ratio / before.ratio;
  const noise = Math.max(spread(before), spread(after), spread(before.twin), spread(after.twin));
  const limited = Math.min(Math.max(noise, LEAST_NOISE), MOST_NOISE);
  const verdict = judge(factor, ratioFactor, 1 + limited);
  return { ...both, factor, ratioFactor, noise: limited, verdict };
}

/** The distance from the median to the further decile (p10 or p90), as a fraction of the median. */
function spread({ p10, p50, p90 }: Distribution): number {
  return Math.max(p90 - p50, p50 - p10) / p50;
}

function judge(factor: number, ratioFactor: number, limit: number): Verdict {
  if (factor < 1 / limit) return 'better';
  if (factor <= limit) return 'same';
  return ratioFactor > limit ? 'worse' : 'slower with its twin';
}

/** Whether a result clearly got worse, or is no longer measured. */
export function regressed(changes: readonly Change[]): boolean {
  return changes.some(({ verdict }) => verdict === 'worse' || verdict === 'gone');
}

/** The changes as a table for people. */
export function changesText(changes: readonly Change[]): string {
  const head = ['name', 'before', 'after', '', 'ratio before', 'after', 'change', 'noise', ''];
  return textTable(head, changes.map(changeCells), [1, 2, 4, 5, 6, 7]);
}

function changeCells({ name, before, after, factor, noise, verdict }: Change): string[] {
  const known = before !== undefined && after !== undefined;
  return [
    name,
    before ? figure(before.p50) : '',
    after ? figure(after.p50) : '',
    (after ?? before)?.unit ?? '',
    before ? `${figure(before.ratio)}×` : '',
    after ? `${figure(after.ratio)}×` : '',
    known ? percent(factor - 1) : '',
    known ? `±${Math.round(noise * 100)} %` : '',
    verdict === 'same' ? '' : verdict,
  ];
}

function percent(part: number): string {
  const whole = Math.round(part * 100);
  return `${whole > 0 ? '+' : ''}${whole} %`;
}
