// SPDX-License-Identifier: MIT
// `npm run test:all`: runs `npm test`, then the longer tests, two at a time. Tests that take hours or need another
// processor have commands of their own (CONTRIBUTING.md).
import { availableParallelism } from 'node:os';
import { Command } from 'commander';
import { clearProgress, progress } from '../../tools/progress.js';
import { hasLabKernel } from '../../vm/lab-kernel.js';
import { print } from '../harness/output.js';
import { NO_LAB_KERNEL } from '../harness/selection.js';
import { sideBySide } from '../harness/side-by-side.js';
import { type Job, jobsHere } from './jobs.js';
import { type Finished, runJob } from './run-job.js';

const everyday: Job = { name: 'npm test', command: ['test'], seconds: 240, suites: ['unit'] };

/** How many jobs run at a time. Each keeps at least one processor busy. */
const LANES = Math.min(2, availableParallelism());

const running = new Set<string>();

async function run(job: Job): Promise<Finished> {
  running.add(job.name);
  print(`-- ${job.name}: started`);
  tellRunning();
  const finished = await runJob(job);
  running.delete(job.name);
  clearProgress();
  const { seconds, output, failure } = finished;
  print(`\n== ${job.name}: npm run -s ${job.command.join(' ')}`);
  if (output.trim() !== '') print(output.trim());
  const how = failure === undefined ? 'passed' : `FAILED: ${failure}`;
  print(`== ${job.name}: ${how}, ${seconds.toFixed(0)} s`);
  tellRunning();
  return finished;
}

function tellRunning(): void {
  if (running.size > 0) progress(`running: ${[...running].join(', ')}`);
}

async function main(rest: boolean): Promise<0 | 1> {
  // npm test keeps all processors busy, so it runs alone.
  const first = rest ? [] : [await run(everyday)];
  const others = await sideBySide(jobsHere(), LANES, run);
  const failed = [...first, ...others].filter(({ failure }) => failure !== undefined);
  if (!hasLabKernel()) print(NO_LAB_KERNEL);
  const names = failed.map(({ job }) => job.name).join('; ');
  print(failed.length === 0 ? '\nall jobs passed' : `\nFAILED jobs: ${names}`);
  return failed.length === 0 ? 0 : 1;
}

await new Command('test:all')
  .description('Runs npm test, then all other tests that take minutes.')
  .option('--rest', 'leave out npm test, and run only the other tests')
  .action(async ({ rest = false }: { rest?: boolean }) => {
    process.exitCode = await main(rest);
  })
  .parseAsync();
