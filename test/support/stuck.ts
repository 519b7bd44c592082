// SPDX-License-Identifier: MIT
// Threads that the kernel does not let go.
import { readdirSync, readFileSync } from 'node:fs';

/** Whether a thread of a process sleeps in the kernel such that no signal wakes it. */
export function isStuckInKernel(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).some((thread) => stateOf(pid, thread) === 'D');
}

function stateOf(pid: number, thread: string): string | undefined {
  try {
    // After the name, which is in parentheses.
    return /\) (\S)/.exec(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}
