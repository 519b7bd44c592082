// SPDX-License-Identifier: MIT
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { projectRoot } from '../../tools/paths.js';
import type { Ending } from '../harness/recorder.js';
import { runSuite } from '../harness/run-suite.js';
import type { Listener, Suite } from '../harness/suite.js';

const orderly: Ending = { how: 'its process ended with status 0', crashed: false, kernelLog: [] };
const crashed: Ending = {
  how: 'QEMU ended by SIGSEGV',
  crashed: true,
  emulatorCrashed: true,
  kernelLog: [],
};
const id = { file: 'a.test.ts', name: 'a test', backend: '', device: '' };
const name = 'run-suite-test';
let printed: string[];

beforeEach(() => {
  printed = [];
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed.push(String(text));
    return true;
  });
});
afterEach(() => {
  jest.restoreAllMocks();
  rmSync(join(projectRoot, `build/results/${name}.jsonl`), { force: true });
});

/** A suite whose runs end in these ways, one after the other. Its test ends only in a run that ends orderly. */
function suiteThatEnds(...endings: Ending[]): Suite {
  return {
    name,
    seconds: 1,
    list: async () => orderly,
    async run(_pattern: string | undefined, { event }: Listener) {
      const ending = endings.shift() as Ending;
      event({ event: 'start', ...id, uptime: 0 });
      if (ending === orderly) {
        event({ event: 'case', ...id, status: 'passed', reason: '', ms: 1 });
        event({ event: 'end' });
      }
      return ending;
    },
  };
}

const run = (suite: Suite) => runSuite(suite, undefined, { update() {} });

test('a machine whose QEMU crashes runs once more, and that run counts', async () => {
  const cases = await run(suiteThatEnds(crashed, orderly));
  expect(cases).toMatchObject([{ name: 'a test', status: 'passed' }]);
  expect(printed.join('')).toBe(
    `QEMU crashed: ${name} runs again, and only the second run counts: QEMU ended by SIGSEGV\n`,
  );
});

test('both runs have the tests that were asked for, and no others', async () => {
  const patterns: (string | undefined)[] = [];
  const { run: runSome, ...suite } = suiteThatEnds(crashed, orderly);
  const noting = (pattern: string | undefined, listener: Listener) => {
    patterns.push(pattern);
    return runSome(pattern, listener);
  };
  await runSuite({ ...suite, run: noting }, 'a test', { update() {} });
  expect(patterns).toEqual(['a test', 'a test']);
});

test('a machine whose QEMU crashes twice has failed', async () => {
  const cases = await run(suiteThatEnds(crashed, crashed, orderly));
  expect(cases).toMatchObject([{ name: 'a test', status: 'failed' }]);
  expect(printed.join('')).toContain('it started but did not finish: QEMU ended by SIGSEGV');
});

test('a machine that dies in another way has failed at once', async () => {
  const died = { how: 'the guest died', crashed: true, kernelLog: [] };
  expect(await run(suiteThatEnds(died, orderly))).toMatchObject([{ status: 'failed' }]);
});
