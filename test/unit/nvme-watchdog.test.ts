// SPDX-License-Identifier: MIT
import { EventEmitter } from 'node:events';
import { afterEach, expect, jest, test } from '@jest/globals';
import type { NvmeError } from '../../lib/nvme/errors.js';
import type { Queues } from '../../lib/nvme/queues.js';
import { Watchdog } from '../../lib/nvme/watchdog.js';
import type { Device } from '../../lib/index.js';
import { FakeQueue } from '../support/nvme.js';

const failed = jest.fn<(failure: NvmeError) => void>();
let watchdog: Watchdog;

/** Watches one queue, which counts as overdue while one of its commands is in flight. */
function watch(fake: FakeQueue, timeout: number): EventEmitter {
  const device = new EventEmitter();
  const overdue = () => (fake.queue.inFlight > 0 ? fake.queue : undefined);
  watchdog = new Watchdog(device as Device, { overdue } as unknown as Queues, timeout, failed);
  return device;
}

afterEach(() => {
  watchdog.close();
  failed.mockClear();
});

test('F7/ a completion without an interrupt is found, and said', async () => {
  const fake = new FakeQueue(4);
  using warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  await new Promise<void>((resolve) => {
    fake.complete(fake.submit(() => setImmediate(resolve)));
    watch(fake, 20);
  });
  expect(warned).toHaveBeenCalledTimes(1);
  expect(warned).toHaveBeenCalledWith(
    expect.stringContaining('queue 1'),
    expect.objectContaining({ code: 'NVME_INTERRUPT_LOST' }),
  );
  expect(failed).not.toHaveBeenCalled();
});

test('F7/ a command without a completion is a failure that names its queue', async () => {
  const fake = new FakeQueue(4);
  fake.submit(jest.fn());
  await new Promise((resolve) => {
    failed.mockImplementationOnce(resolve as () => void);
    watch(fake, 20);
  });
  expect(failed.mock.calls[0]?.[0]).toMatchObject({
    code: 'ERR_NVME_TIMEOUT',
    message: 'no completion on queue 1 for 20 ms',
  });
});

test.each([
  ['lost', 'is gone'],
  ['reset', 'was reset'],
  ['close', 'was closed'],
])('a device that is %s is a failure', (event, how) => {
  const device = watch(new FakeQueue(4), 60_000);
  device.emit(event);
  expect(failed.mock.calls[0]?.[0]).toMatchObject({
    code: 'ERR_NVME_FATAL',
    message: `the device ${how}`,
  });
});
