// SPDX-License-Identifier: MIT
// Compiles a configured kernel and reports its progress.
import { availableParallelism } from 'node:os';
import { progress } from '../tools/progress.js';
import { runProgram } from '../tools/run-program.js';

/** The lines that make writes for the lab kernel, one for each file that it compiles or links. */
const STEPS = 2000;

export async function compileKernel(source: string, output: string): Promise<void> {
  let steps = 0;
  const onLine = () => progress(howFar(++steps));
  const jobs = `-j${availableParallelism()}`;
  await runProgram('make', ['-C', source, `O=${output}`, jobs, 'bzImage'], { onLine });
}

/** The number of steps is an estimate, so that the last of them may be more than all. */
function howFar(steps: number): string {
  const percent = Math.min(99, Math.floor((100 * steps) / STEPS));
  return `compiling the kernel: step ${steps} of about ${STEPS}, ${percent} %`;
}
