// SPDX-License-Identifier: MIT
// The events that a program's own calls cause: the device was reset, or it was closed.
import { once } from 'node:events';
import { expect, test } from '@jest/globals';
import type { Device } from '../../lib/index.js';
import { describeContract } from '../support/back-ends.js';

describeContract({ device: 'edu' }, 'the close event', (subject) => {
  const { edu } = subject.devices;
  subject.useReady(edu);

  test.each<[string, (device: Device) => Promise<void>]>([
    ['by itself', (device) => device.close()],
    ['by its container', (device) => device.container.close()],
  ])('is told however the device was closed: %s', async (_how, close) => {
    const device = await subject.openDevice(edu);
    const told = once(device, 'close');
    await close(device);
    await told;
  });
});

describeContract({ device: 'nvme' }, 'events', (subject) => {
  const { nvme } = subject.devices;
  subject.useReady(nvme);

  test('of a reset and of a close are told once each, close as the last', async () => {
    const device = await subject.openDevice(nvme);
    const heard: string[] = [];
    for (const name of ['request', 'fault', 'lost', 'reset', 'close'] as const) {
      device.on(name, () => heard.push(name));
    }
    await device.reset();
    await device.close();
    await device.close();
    expect(heard).toEqual(['reset', 'close']);
  });
});
