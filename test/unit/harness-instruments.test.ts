// SPDX-License-Identifier: MIT
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { projectRoot } from '../../tools/paths.js';
import type { TestEvent } from '../harness/events.js';
import { withReports } from '../harness/instruments.js';

const suite = 'a suite of this test';
const directory = join(projectRoot, 'build/results/reports', suite);

afterAll(() => rmSync(directory, { recursive: true }));

async function eventsOf(work: (reports: string) => void): Promise<TestEvent[]> {
  const events: TestEvent[] = [];
  await withReports(
    suite,
    (event) => events.push(event),
    async (reports) => work(reports),
  );
  return events;
}

test('each report of a program is a failure of its suite', async () => {
  const events = await eventsOf((reports) => {
    writeFileSync(join(reports, 'asan.12'), '\nERROR: heap-use-after-free\n');
    // valgrind writes a report for each program, even when it found nothing.
    writeFileSync(join(reports, 'valgrind.13'), '');
  });
  const reason = 'ERROR: heap-use-after-free';
  expect(events).toEqual([{ event: 'broken', what: `${suite}: asan.12`, reason }]);
});

test('reports of an earlier run are not of this one', async () => {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'asan.12'), 'old');
  expect(await eventsOf(() => {})).toEqual([]);
});
