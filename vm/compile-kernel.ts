// SPDX-License-Identifier: MIT
// Compiles a configured kernel and reports its progress.
import { availableParallelism } from 'node:os';
import { progress } from '../tools/progress.js';
import { runProgram } from '../tools/run-program.js';

/** About how many lines make prints for the lab kernel: one for each file that it compiles or links. */
const STEPS = 2000;

export async function compileKernel(source: string, output: string): Promise<void> {
  let steps = 0;
  const onLine = () => progress(howFar(++steps));
  const jobs = `-j${availableParallelism()}`;
  await runProgram('make', ['-C', source, `O=${output}`, jobs, 'bzImage'], { onLine });
}

/** {@link STEPS} is an estimate, so there may be more steps than that. The percentage stops at 99. */
function howFar(steps: number): string {
  const percent = Math.min(99, Math.floor((100 * steps) / STEPS));
  return `compiling the kernel: step ${steps} of about ${STEPS}, ${percent} %`;
}
