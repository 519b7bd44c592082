// SPDX-License-Identifier: MIT
// What the demo's two processes report, and how it is printed. In the test machine the host listens and prints one
// summary of both; elsewhere each prints its own.
import { appendFileSync } from 'node:fs';

/** What one of the processes did. */
export interface DemoStep {
  readonly step: 'write' | 'read';
  readonly bytes: number;
  readonly sha256: string;
  /** The time of the transfer alone. It includes the flush after a write. */
  readonly seconds: number;
  readonly interrupts: number;
  readonly kernel: string;
  readonly driver: string;
  readonly group: number | undefined;
}

/** The progress of a process, for a terminal. */
export interface DemoProgress {
  readonly doing: string;
  readonly done: number;
  readonly total: number;
}

/** The file that the host reads; an environment variable names it. */
const LISTENER = process.env.VFIO_VM_RESULTS;

/** Whether this runs in the test machine, whose disk may be overwritten. */
export const inTestMachine = LISTENER !== undefined;

export function report(step: DemoStep): void {
  if (LISTENER === undefined) console.log(summary([step]).join('\n'));
  else appendFileSync(LISTENER, `${JSON.stringify(step)}\n`);
}

export function reportProgress(progress: DemoProgress): void {
  if (LISTENER !== undefined) appendFileSync(LISTENER, `${JSON.stringify(progress)}\n`);
}

/** Whether both processes reported, and the data read differs from the data written. */
export function differ([written, read]: readonly DemoStep[]): boolean {
  return written !== undefined && read !== undefined && written.sha256 !== read.sha256;
}

/** The lines after the output of the processes themselves. */
export function summary(steps: readonly DemoStep[]): string[] {
  const interrupts = steps.reduce((sum, step) => sum + step.interrupts, 0);
  const last = steps.at(-1);
  return [
    `interrupts ${interrupts}`,
    `kernel ${last?.kernel} driver ${last?.driver} group ${last?.group}`,
    ...steps.map(throughput),
  ];
}

function throughput({ step, bytes, seconds }: DemoStep): string {
  const mebibytes = bytes / 2 ** 20;
  const rate = (mebibytes / seconds).toFixed(1);
  return `${step}: ${mebibytes} MiB in ${seconds.toFixed(2)} s, ${rate} MiB/s`;
}
