// SPDX-License-Identifier: MIT
// Runs one command of `npm run test:all`, and finds out whether it passed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { undoOnExit } from '../../tools/cleanup.js';
import { projectRoot } from '../../tools/paths.js';
import { signalGroup } from '../harness/child.js';
import { resultsOf } from '../harness/suite.js';
import type { Job } from './jobs.js';

/** Ends a command that hangs. */
const LIMIT_MS = 40 * 60_000;
const GRACE_MS = 10_000;

export interface Finished {
  readonly job: Job;
  readonly seconds: number;
  /** Everything that the command printed. */
  readonly output: string;
  /** The reason, if the command failed. */
  readonly failure?: string;
}

export async function runJob(job: Job): Promise<Finished> {
  const started = performance.now();
  for (const suite of job.suites) rmSync(resultsOf(suite), { force: true });
  const { output, ending } = await runCommand(job);
  const failure = ending ?? missing(job);
  const seconds = (performance.now() - started) / 1000;
  return { job, seconds, output, ...(failure === undefined ? {} : { failure }) };
}

async function runCommand({ command, env }: Job): Promise<{ output: string; ending?: string }> {
  const child = spawn('npm', ['run', '-s', ...command], {
    cwd: projectRoot,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  // The command itself ends the process groups that it started, when it gets SIGTERM.
  const done = undoOnExit(() => signalGroup(child, 'SIGTERM'));
  let timedOut = false;
  const timer = setTimeout(async () => {
    timedOut = true;
    signalGroup(child, 'SIGTERM');
    await sleep(GRACE_MS);
    signalGroup(child, 'SIGKILL');
  }, LIMIT_MS);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const [status, signal] = await once(child, 'close');
  clearTimeout(timer);
  done();
  if (status === 0) return { output };
  const ending = timedOut
    ? 'it did not end within 40 minutes'
    : `it ended with ${status ?? signal}`;
  return { output, ending };
}

/** The reason why the job failed although its command succeeded: a suite that was left out has not passed. */
function missing({ suites }: Job): string | undefined {
  const suite = suites.find((name) => !passed(name));
  return suite && `the suite ${suite} did not run or passed no test: see ${resultsOf(suite)}`;
}

function passed(suite: string): boolean {
  try {
    return readFileSync(resultsOf(suite), 'utf8').includes('"status":"passed"');
  } catch {
    return false;
  }
}
