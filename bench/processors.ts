// SPDX-License-Identifier: MIT
// Chooses the processors that the threads of a measurement run on.
import { readFileSync } from 'node:fs';
import { bench } from './native.js';

export interface Processors {
  /** The processor on which the measured code runs. */
  readonly ours: number;
  /** The processor from which signals come. A machine with one processor uses the same one. */
  readonly others: number;
}

/** Chooses from the processors that this process can use. Call it before {@link pinThread}, which limits them. */
export function findProcessors(): Processors {
  const allowed = allowedProcessors(readFileSync('/proc/self/status', 'utf8'));
  return { ours: allowed[0] ?? 0, others: allowed.at(-1) ?? 0 };
}

/** Binds this thread to its processor. Returns whether that was allowed. */
export function pinThread({ ours }: Processors): boolean {
  return bench.pin(ours) === 1;
}

/** The processors that a process can use, from its /proc/self/status. */
export function allowedProcessors(status: string): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? '0';
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}
