// SPDX-License-Identifier: MIT
import { describe, expect, test } from '@jest/globals';
import { parseEvent, type TestEvent } from '../harness/events.js';
import { type Ending, Recorder } from '../harness/recorder.js';

const id = { file: 'test/vm/a.test.ts', name: 'a test', backend: 'type1', device: 'edu' };
const start: TestEvent = { event: 'start', ...id, uptime: 5 };
const passed: TestEvent = { event: 'case', ...id, status: 'passed', reason: '', ms: 7 };
const skipped: TestEvent = { event: 'case', ...id, status: 'skipped', reason: 'no edu', ms: 0 };
const orderly: Ending = { how: 'its process ended with status 0', crashed: false, kernelLog: [] };

function record(events: readonly TestEvent[], ending = orderly, judge?: string) {
  const recorder = new Recorder(
    'vm-lab',
    () => judge,
    () => 0,
  );
  for (const event of events) recorder.handle(event);
  recorder.finish(ending);
  return recorder.cases;
}

describe('Recorder', () => {
  test('makes one record of a case, with the kernel it ran on', () => {
    const events: TestEvent[] = [
      { event: 'run', kernel: '7.3.4' },
      start,
      passed,
      { event: 'end' },
    ];
    expect(record(events)).toEqual([
      {
        suite: 'vm-lab',
        kernel: '7.3.4',
        backend: 'type1',
        device: 'edu',
        name: 'a test',
        status: 'passed',
        reason: '',
        ms: 7,
        kernelLog: [],
      },
    ]);
  });

  test('lets a later verdict on a case replace the first', () => {
    const failed: TestEvent = { ...passed, status: 'failed', reason: 'afterAll' } as TestEvent;
    expect(record([start, passed, failed, { event: 'end' }])).toMatchObject([{ status: 'failed' }]);
  });

  test('keeps the kernel log lines that came during the test', () => {
    const line: TestEvent = { event: 'kernel-log', lines: ['[ 1.0] hello'] };
    expect(record([start, line, passed, { event: 'end' }])).toMatchObject([
      { kernelLog: ['[ 1.0] hello'] },
    ]);
  });

  test('lets an expected skip stand', () => {
    expect(record([skipped, { event: 'end' }])).toMatchObject([
      { status: 'skipped', reason: 'no edu' },
    ]);
  });

  test('makes a failure of a skip that does not stand', () => {
    expect(record([skipped, { event: 'end' }], orderly, 'not expected')).toMatchObject([
      { status: 'failed', reason: 'no edu: not expected' },
    ]);
  });

  test('fails a test that was started when the guest died, with the log since', () => {
    const kernelLog = ['[ 1.0] booted', '[ 6.0] BUG: oh', 'Kernel panic'];
    const died = { how: 'the guest died: Kernel panic', crashed: true, kernelLog };
    expect(record([start], died)).toMatchObject([
      {
        name: 'a test',
        status: 'failed',
        reason: 'it started but did not finish: the guest died: Kernel panic',
        kernelLog: ['[ 6.0] BUG: oh', 'Kernel panic'],
      },
    ]);
  });

  test('fails a suite that ended between two tests', () => {
    const died = { how: 'the guest died', crashed: true, kernelLog: [] };
    expect(record([start, passed], died)).toMatchObject([
      { status: 'passed' },
      { name: 'vm-lab', status: 'failed', reason: 'it did not finish: the guest died' },
    ]);
  });

  test('fails a suite whose machine never came up', () => {
    const never = { how: 'qemu-system-x86_64 is not installed', crashed: true, kernelLog: [] };
    expect(record([], never)).toMatchObject([{ name: 'vm-lab', status: 'failed', kernel: '' }]);
  });

  test('fails a suite whose process crashed after its last test', () => {
    const crashed = { how: 'its process ended by SIGSEGV', crashed: true, kernelLog: [] };
    expect(record([start, passed, { event: 'end' }], crashed)).toMatchObject([
      { status: 'passed' },
      { status: 'failed', reason: 'it crashed after the last test: its process ended by SIGSEGV' },
    ]);
  });
});

test('an event that a crash cut short is a failure, not an exception', () => {
  expect(parseEvent('{"event":"ca')).toMatchObject({ event: 'broken' });
});
