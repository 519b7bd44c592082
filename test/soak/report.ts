// SPDX-License-Identifier: MIT
// Prints the figures of the soak.
import { textTable } from '../../tools/table.js';
import type { Figures, SoakLine } from './soak.js';

const COLUMNS: readonly [keyof Figures, string][] = [
  ['rounds', 'rounds'],
  ['kills', 'kills'],
  ['cycles', 'cycles'],
  ['faults', 'faults'],
  ['toggles', 'toggles'],
  ['reads', 'reads'],
  ['busErrors', 'bus errors'],
  ['bytesVerified', 'bytes verified'],
  ['leaks', 'leaks'],
  ['growth', 'growth'],
  ['maxLag', 'max lag'],
];

const UNITS: Partial<Record<keyof Figures, string>> = { growth: ' B', maxLag: ' ms' };

/** One line about the progress of a case. */
export function progressText({ name, figures, seconds, ended, failure }: SoakLine): string {
  const counted = COLUMNS.filter(([key]) => figures[key] !== undefined);
  const counts = counted.map(([key, title]) => `${title} ${figure(figures, key)}`).join(', ');
  const state = failure === undefined ? (ended ? 'passed' : 'running') : `FAILED: ${failure}`;
  return `${seconds.toFixed(0).padStart(5)} s  ${name}: ${counts}; ${state}`;
}

export function soakTable(lines: readonly SoakLine[]): string {
  const numbers = [...COLUMNS.map(([, title]) => title), 'seconds'];
  const right = numbers.map((_, index) => index + 1);
  return textTable(['case', ...numbers, ''], lines.map(row), right);
}

function row({ name, figures, seconds, ended, failure }: SoakLine): string[] {
  const result = failure !== undefined ? 'FAILED' : ended ? 'passed' : 'unfinished';
  const counts = COLUMNS.map(([key]) => figure(figures, key));
  return [name, ...counts, seconds.toFixed(0), result];
}

function figure(figures: Figures, key: keyof Figures): string {
  const value = figures[key];
  return value === undefined ? '' : `${Math.round(value)}${UNITS[key] ?? ''}`;
}
