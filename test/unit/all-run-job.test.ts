// SPDX-License-Identifier: MIT
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { projectRoot } from '../../tools/paths.js';
import { runJob } from '../all/run-job.js';

const suite = 'run-job-test';
const directory = join(projectRoot, 'build/results');
const results = join(directory, `${suite}.jsonl`);
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vfio-run-job-'));
  mkdirSync(directory, { recursive: true });
});

afterEach(() => {
  rmSync(folder, { recursive: true });
  rmSync(results, { force: true });
});

/** Runs a job whose command is this shell script. */
function run(script: string) {
  const npm = join(folder, 'npm');
  writeFileSync(npm, `#!/bin/sh\n${script}\n`);
  chmodSync(npm, 0o755);
  const env = { PATH: `${folder}:${process.env.PATH}`, RESULTS: results };
  return runJob({ name: 'a job', command: ['a'], seconds: 1, suites: [suite], env });
}

test('a job has passed when a test of each of its suites has', async () => {
  const { failure, output } = await run(
    'echo "$@"; echo \'{"status":"skipped"}\n{"status":"passed"}\' > "$RESULTS"',
  );
  expect({ failure, output }).toEqual({ failure: undefined, output: 'run -s a\n' });
});

test.each([
  ['none was run', 'true'],
  ['all were skipped', 'echo \'{"status":"skipped"}\' > "$RESULTS"'],
])('a job has failed when of a suite %s, whatever an earlier run has left', async (_, script) => {
  writeFileSync(results, '{"status":"passed"}\n');
  expect((await run(script)).failure).toBe(
    `the suite ${suite} did not run or passed no test: see ${results}`,
  );
});

test('a job whose command fails has failed by that', async () => {
  const { failure } = await run('echo \'{"status":"passed"}\' > "$RESULTS"; exit 3');
  expect(failure).toBe('it ended with 3');
});
