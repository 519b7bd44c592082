// SPDX-License-Identifier: MIT
// Finds threads that wait in the kernel and cannot be killed.
import { readdirSync, readFileSync } from 'node:fs';
import { until } from './until.js';

/**
 * A thread counts as stuck once this many checks in a row find it in uninterruptible sleep. That is at least 20 ms,
 * longer than a wait for a file usually takes.
 */
const CHECKS = 20;

/** Waits until a thread of a process stays in uninterruptible sleep, from which no signal wakes it. */
export async function untilStuckInKernel(pid: number, limit?: number): Promise<void> {
  let checks = new Map<string, number>();
  const isStuck = () => {
    checks = new Map(threadsAsleep(pid).map((thread) => [thread, (checks.get(thread) ?? 0) + 1]));
    return [...checks.values()].some((times) => times >= CHECKS);
  };
  await until(isStuck, 'a thread is stuck in the kernel', limit);
}

function threadsAsleep(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).filter((thread) => stateOf(pid, thread) === 'D');
}

function stateOf(pid: number, thread: string): string | undefined {
  try {
    // The state follows the name, which is in parentheses.
    return /\) (\S)/.exec(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}
