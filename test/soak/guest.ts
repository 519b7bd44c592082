// SPDX-License-Identifier: MIT
// The soak inside the test machine. `node build/guest/test/soak/guest.js SECONDS short|full [PATTERN]` runs it. It
// reports its progress to main.ts in lines of JSON.
import { appendFileSync } from 'node:fs';
import { judgeKernelLog } from '../harness/kernel-log.js';
import { openKernelLog, readKernelLog } from '../harness/kmsg.js';
import { cases } from './cases.js';
import { addFigures, type Figures, type SoakCase, type SoakLine } from './soak.js';

/** The shortest time between two progress lines of a case, which come at the end of a round. */
const TELL_MS = 5000;
/** The kernel reports a fault of a device some time after it happened. */
const LOG_PATIENCE_MS = 200;

function tell(line: SoakLine): void {
  appendFileSync(process.env.VFIO_VM_RESULTS as string, `${JSON.stringify(line)}\n`);
}

/** Gives each case its share of the time that is left. */
async function runAll(selected: readonly SoakCase[], seconds: number): Promise<void> {
  const end = performance.now() + seconds * 1000;
  for (const [index, one] of selected.entries()) {
    const left = end - performance.now();
    await runCase(one, Math.max(0, left) / (selected.length - index));
  }
}

async function runCase(one: SoakCase, milliseconds: number): Promise<void> {
  const started = performance.now();
  let figures: Figures = {};
  const line = (ended: boolean) => {
    const seconds = (performance.now() - started) / 1000;
    return { name: one.name, figures, seconds, ended };
  };
  const least = length === 'full' ? (one.promised ?? 1) : 1;
  let told = started;
  try {
    await using _ = await one.prepare();
    do {
      figures = addFigures(figures, { rounds: 1, ...(await one.round()) });
      judge(one);
      if (performance.now() - told < TELL_MS) continue;
      told = performance.now();
      tell(line(false));
    } while (performance.now() - started < milliseconds || (figures.rounds ?? 0) < least);
  } catch (error) {
    tell({ ...line(true), failure: String((error as Error).stack) });
    return;
  }
  await new Promise((resolve) => setTimeout(resolve, LOG_PATIENCE_MS));
  const complaint = complaintOf(one);
  tell(complaint === undefined ? line(true) : { ...line(true), failure: complaint });
}

function judge(one: SoakCase): void {
  const complaint = complaintOf(one);
  if (complaint !== undefined) throw new Error(complaint);
}

function complaintOf({ announced = [] }: SoakCase): string | undefined {
  const optional = announced.map((pattern) => ({ pattern, optional: true }));
  return judgeKernelLog(readKernelLog(), optional);
}

const [, , seconds, length, pattern = ''] = process.argv;
openKernelLog();
const wanted = new RegExp(pattern, 'i');
void runAll(
  cases.filter(({ name }) => wanted.test(name)),
  Number(seconds),
);
