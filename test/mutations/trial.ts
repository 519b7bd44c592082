// SPDX-License-Identifier: MIT
// Builds the copy with a fault in it and runs one test.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { undoOnExit } from '../../tools/cleanup.js';
import { killGroup } from '../harness/child.js';
import type { Test } from './list.js';
import { tree } from './tree.js';

/** `green`: the test passed. `red`: it failed. `none`: no test has this name. */
export type TrialOutcome = 'green' | 'red' | 'none';

/** A fault can make a test hang. A test that takes longer than this counts as failed. */
const TEST_LIMIT_MS = 180_000;
const BUILD_LIMIT_MS = 1_200_000;

/** Builds everything that the test needs. Throws an error with the compiler's output if that fails. */
export async function build(test: Test): Promise<void> {
  const args = 'native' in test ? ['build:debug', '--', '--target', NATIVE] : ['build'];
  const { status, output } = await run(['npm', 'run', '-s', ...args], BUILD_LIMIT_MS);
  if (status !== 0) throw new Error(`the build failed:\n${output.slice(-4000)}`);
}

export function runTest(test: Test): Promise<TrialOutcome> {
  return 'native' in test ? runNative(test.native) : runJest(test.jest, test.name);
}

const NATIVE = 'vfio_native_tests';

async function runNative(name: string): Promise<TrialOutcome> {
  const { status, output } = await run(
    [`build/debug/${NATIVE}`, `--test-case=*${name}*`],
    TEST_LIMIT_MS,
  );
  if (/test cases: +0 /.test(output)) return 'none';
  return status === 0 ? 'green' : 'red';
}

async function runJest(path: string, name: string): Promise<TrialOutcome> {
  const jest = 'node_modules/jest/bin/jest.js';
  const select = ['--testPathPatterns', path, '--testNamePattern', name];
  const command = [
    process.execPath,
    jest,
    '-c',
    'test/jest.config.mjs',
    '--json',
    '--forceExit',
    ...select,
  ];
  const { status, output } = await run(command, TEST_LIMIT_MS);
  // There is no report if jest crashed.
  const report = /^\{.*\}$/m.exec(output)?.[0];
  if (report === undefined) return 'red';
  const { numPassedTests, numFailedTests } = JSON.parse(report);
  if (numPassedTests + numFailedTests === 0 && status === 0) return 'none';
  return status === 0 ? 'green' : 'red';
}

async function run([program = '', ...args]: readonly string[], limit: number) {
  const child = spawn(program, args, {
    cwd: tree,
    env: { ...process.env, CI: 'true' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const done = undoOnExit(() => killGroup(child));
  const timer = setTimeout(() => killGroup(child), limit);
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  clearTimeout(timer);
  done();
  return { status, output: stdout + stderr };
}
