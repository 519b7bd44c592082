// SPDX-License-Identifier: MIT
// Prints the progress and the failures of a run. Without a terminal, it prints only failures and the summary.
import { stripVTControlCharacters, styleText } from 'node:util';
import { clearProgress, progress } from '../../tools/progress.js';
import type { TestEvent } from './events.js';
import type { FinishedCase } from './recorder.js';

/** How many of the last lines of a kernel log to print. They show what led to a failure. */
const KERNEL_LOG_LINES = 40;
/** How many lines of a failure's reason to print. The results file has the whole reason. */
const REASON_LINES = 30;

export function print(text: string): void {
  clearProgress();
  process.stdout.write(`${text}\n`);
}

/** Prints text that is not part of the results. It goes to stderr, so that programs which read stdout do not see it. */
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

/** One line on a terminal, with the number of finished cases of each suite and the name of the running case. */
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
