// SPDX-License-Identifier: MIT
// Prints a run for people. Without a terminal: failures and the summary, nothing else.
import { stripVTControlCharacters, styleText } from 'node:util';
import { clearProgress, progress } from '../../tools/progress.js';
import type { TestEvent } from './events.js';
import type { FinishedCase } from './recorder.js';

/** Enough to see what led to a failure; the start of a boot is not it. */
const KERNEL_LOG_LINES = 40;
/** The rest of a long message is in the results file. */
const REASON_LINES = 30;

export function print(text: string): void {
  clearProgress();
  process.stdout.write(`${text}\n`);
}

/** Text past the events, as it comes: where standard output is read by a program, it must not see it. */
export function printOther(text: string): void {
  clearProgress();
  process.stderr.write(text);
}

export function printFailure(failed: FinishedCase): void {
  const log = failed.kernelLog.map(stripVTControlCharacters).filter((line) => line !== '');
  print(
    [
      highlight(`FAILED ${failed.suite}: ${failed.name}`),
      ...indent(failed.reason.split('\n').slice(0, REASON_LINES)),
      ...(log.length === 0
        ? []
        : ['    kernel log:', ...indent(indent(log.slice(-KERNEL_LOG_LINES)))]),
    ].join('\n'),
  );
}

/** How many cases of each suite are done, and the one that runs, on one line of a terminal. */
export class ProgressLine {
  readonly #done = new Map<string, number>();
  #current = '';

  update(suite: string, event: TestEvent): void {
    const done = (this.#done.get(suite) ?? 0) + (event.event === 'case' ? 1 : 0);
    this.#done.set(suite, done);
    if (event.event === 'start') this.#current = event.name;
    const counts = [...this.#done].map(([name, cases]) => `${name} ${cases}`).join('  ');
    progress(`${counts}  ${this.#current}`.slice(0, (process.stderr.columns || 80) - 1));
  }
}

function highlight(text: string): string {
  const colour = process.stdout.isTTY && !process.env.NO_COLOR;
  return colour ? styleText(['red', 'bold'], text) : text;
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => (line === '' ? '' : `    ${line}`));
}
