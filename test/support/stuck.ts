// SPDX-License-Identifier: MIT
// Finds threads that wait in the kernel and cannot be ended.
import { readdirSync, readFileSync } from 'node:fs';
import { until } from './until.js';

/** So many looks at a thread find it asleep: 100 ms at least, far longer than a wait for a file. */
const LOOKS = 20;

/** Waits until a thread of a process stays asleep in the kernel such that no signal wakes it. */
export async function untilStuckInKernel(pid: number, limit?: number): Promise<void> {
  let looks = new Map<string, number>();
  const isStuck = () => {
    looks = new Map(threadsAsleep(pid).map((thread) => [thread, (looks.get(thread) ?? 0) + 1]));
    return [...looks.values()].some((times) => times >= LOOKS);
  };
  await until(isStuck, 'the kernel waits', limit);
}

function threadsAsleep(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).filter((thread) => stateOf(pid, thread) === 'D');
}

function stateOf(pid: number, thread: string): string | undefined {
  try {
    // After the name, which is in parentheses.
    return /\) (\S)/.exec(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}
