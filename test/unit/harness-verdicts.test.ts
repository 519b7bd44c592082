// SPDX-License-Identifier: MIT
// How the harness reports tests that fail, hang, are skipped or die, in real jest runs of test/fixtures/.
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { projectRoot } from '../../tools/paths.js';
import { runJest } from '../harness/child.js';
import { type CaseRecord, Recorder } from '../harness/recorder.js';

/** Runs fixtures in the way that a suite is run. Returns the record of each case by the name of the case. */
async function verdicts(files: string, ...more: string[]): Promise<Map<string, CaseRecord>> {
  const recorder = new Recorder('unit', (name) =>
    name.includes('a group skipped') ? 'not expected' : undefined,
  );
  const args = [
    ...['--config', join(projectRoot, 'test/jest.config.mjs'), '--runInBand'],
    ...['--testMatch', `**/fixtures/verdicts/${files}.test.ts`],
    ...['--reporters', join(projectRoot, 'dist/test/harness/reporter.js'), ...more],
  ];
  const listener = { event: recorder.handle.bind(recorder), output: () => {} };
  recorder.finish(await runJest(args, listener));
  return new Map(recorder.cases.map((record) => [record.name, record]));
}

describe('a run of tests', () => {
  let cases: Map<string, CaseRecord>;

  beforeAll(async () => {
    cases = await verdicts('{ordinary,broken,twins}');
  });

  test.each([
    ['verdicts passes', 'passed', ''],
    ['verdicts fails', 'failed', 'Expected: 2'],
    ['verdicts hangs', 'failed', 'Exceeded timeout of 50 ms'],
    ['verdicts is skipped for a reason', 'skipped', 'no such hardware'],
    ['verdicts a group skipped for a reason has a test', 'failed', 'no such kernel: not expected'],
    ['verdicts is skipped without a reason', 'failed', 'skipped without a reason'],
    ['verdicts is not written', 'failed', 'skipped without a reason'],
    ['test/fixtures/verdicts/ordinary.test.ts', 'failed', 'left something behind'],
    ['test/fixtures/verdicts/broken.test.ts', 'failed', 'this file does not load'],
    ['twin', 'passed', ''],
    ['twin (2)', 'failed', 'the second twin'],
  ])('reports: %s', (name, status, reason) => {
    expect(cases.get(name)).toMatchObject({ status, reason: expect.stringContaining(reason) });
  });

  test('reports the back end and the device of a group', () => {
    expect(cases.get('a group on memory/edu has a back end and a device')).toMatchObject({
      suite: 'unit',
      backend: 'memory',
      device: 'edu',
      status: 'passed',
    });
  });

  test('points at the line that failed, not into jest', () => {
    const { reason } = cases.get('verdicts fails') as CaseRecord;
    expect(reason).toMatch(/at .*\(test\/fixtures\/verdicts\/ordinary\.test\.ts:\d+:\d+\)/);
    expect(reason).not.toContain('node_modules');
  });
});

test('only the tests of a pattern count', async () => {
  const cases = await verdicts('ordinary', '--testNamePattern', 'verdicts passes');
  expect([...cases.keys()]).toEqual(['verdicts passes']);
});

test('a test whose process dies is reported, and those before it are kept', async () => {
  const cases = await verdicts('dying');
  expect(cases.get('lives')).toMatchObject({ status: 'passed' });
  expect(cases.get('dies')).toMatchObject({
    status: 'failed',
    reason: 'it started but did not finish: its process was ended by SIGKILL',
  });
});
