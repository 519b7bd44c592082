// SPDX-License-Identifier: MIT
// The fuzz targets in JavaScript: random calls, in separate processes. They are calls on the public API or on the
// addon's exports, and strings for the parsers of addresses. A run depends only on its seed. A failing run is shortened
// before it is reported.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { undoOnExit } from '../../tools/cleanup.js';
import { projectRoot } from '../../tools/paths.js';
import { readPublicApi } from '../support/public-api.js';
import { crashDirectory } from './native-target.js';
import type { Outcome } from './outcome.js';

export const apiTargets = ['api', 'addon', 'parsers'] as const;
export type ApiTarget = (typeof apiTargets)[number];

/** The steps of one process. */
const STEPS = 10_000;
/** A hang guard: a process needs far less. */
const LIMIT_MS = 300_000;
/** The time limit for shortening a failing run, in milliseconds. */
const SHRINKING = 180_000;

const child = join(projectRoot, 'dist/test/fuzz/api/child.js');
const addon = join(projectRoot, 'build/Release/testing/vfio_testing.node');
const apiFile = join(projectRoot, 'build/public-api.json');

/** Writes the description of the public API that the runs read. */
export function preparePublicApi(): void {
  writeFileSync(apiFile, JSON.stringify(readPublicApi(projectRoot)));
}

/** A target ends after this many seconds, or once it has made this many calls. It checks this between processes. */
export interface Limits {
  seconds: number;
  calls: number;
}

export async function fuzzApi(target: ApiTarget, limits: Limits, seed: number): Promise<Outcome> {
  const end = Date.now() + limits.seconds * 1000;
  let runs = 0;
  for (let run = 0; Date.now() < end && runs < limits.calls; run++) {
    const one = { target, seed: seed + run };
    const { calls, failure } = await attempt(one);
    runs += calls;
    if (failure !== undefined) {
      return { runs, corpus: 0, crashes: [await report(one, failure)] };
    }
  }
  return { runs, corpus: 0, crashes: [] };
}

/** Repeats the calls from the file of a failing run, and prints each. */
export async function reproduceApi(target: ApiTarget, input: string): Promise<Outcome> {
  const seed = Number(/-seed-(\d+)/.exec(input)?.[1]);
  const { calls, failure, output } = await attempt({ target, seed }, input, ['--trace']);
  process.stderr.write(output);
  return { runs: calls, corpus: 0, crashes: failure === undefined ? [] : [failure] };
}

interface Run {
  target: ApiTarget;
  seed: number;
}

async function attempt({ target, seed }: Run, only?: string, more: readonly string[] = []) {
  const args = [
    '--target',
    target,
    '--api',
    apiFile,
    '--seed',
    String(seed),
    '--steps',
    String(STEPS),
    ...more,
  ];
  if (only !== undefined) args.push('--only', only);
  const process_ = spawn(process.execPath, ['--no-warnings', child, ...args], {
    env: { VFIO_BINARY: addon, ...process.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  const done = undoOnExit(() => void process_.kill('SIGKILL'));
  const [calls, output, [status, signal]] = await Promise.all([
    text(process_.stdout),
    text(process_.stderr),
    once(process_, 'close'),
  ]);
  done();
  const how = signal === null ? `status ${status}` : String(signal);
  return {
    calls: Number(calls),
    output,
    failure: status === 0 ? undefined : `ended by ${how}\n${output.trim()}`,
  };
}

/** Reports a failing run. It shortens the run first: it leaves out steps for as long as the run still fails. */
async function report(run: Run, failure: string): Promise<string> {
  mkdirSync(crashDirectory, { recursive: true });
  const file = join(crashDirectory, `${run.target}-seed-${run.seed}.json`);
  const fails = async (steps: readonly number[]) => {
    writeFileSync(file, JSON.stringify(steps));
    return (await attempt(run, file)).failure !== undefined;
  };
  const all = [...Array(STEPS).keys()];
  const shortest = await fc.check(
    fc.asyncProperty(fc.subarray(all), async (steps) => !(await fails(steps))),
    { examples: [[all]], numRuns: 1, interruptAfterTimeLimit: SHRINKING },
  );
  writeFileSync(file, JSON.stringify(shortest.counterexample?.[0] ?? all));
  const input = relative(projectRoot, file);
  const again = `npm run fuzz -- --target ${run.target} --input ${input}`;
  return `${run.target}: ${failure}\n    input: ${input}\n    again: ${again}`;
}
