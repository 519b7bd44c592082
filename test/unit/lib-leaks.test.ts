// SPDX-License-Identifier: MIT
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { AdoptedDevice } from '../../lib/adopted-device.js';
import { Container, type Device, type Group } from '../../lib/container.js';
import type { DmaBuffer } from '../../lib/dma.js';
import { ours } from '../../lib/internal/ours.js';
import type { Interrupt } from '../../lib/interrupt.js';
import { collectGarbage } from '../support/garbage.js';
import { turn } from '../support/turn.js';
import { catchWarnings, FakeAdoption, FakeDevice, FakeNative } from './lib-fake-native.js';

let native: FakeNative;
let warnings: { code: unknown; message: string }[];

beforeEach(() => {
  native = new FakeNative();
  warnings = catchWarnings();
});

afterEach(() => {
  jest.restoreAllMocks();
});

/** Collects garbage until the condition holds. Gives up after a hundred tries. */
async function collectUntil(done: () => boolean): Promise<void> {
  for (let turn = 0; turn < 100 && !done(); turn++) {
    await sleep(4);
    await collectGarbage(1);
  }
  expect(done()).toBe(true);
}

async function openDevice(address: string): Promise<Device> {
  const container = new Container(ours, native, native.container);
  return container.openDevice(address);
}

async function forgetDevice(address: string): Promise<void> {
  await openDevice(address);
}

async function closeDevice(address: string): Promise<WeakRef<object>> {
  const device = await openDevice(address);
  await device.close();
  return new WeakRef(device);
}

async function closeDeviceOf(group: Group, address: string): Promise<WeakRef<object>> {
  const device = await group.openDevice(address);
  await device.close();
  return new WeakRef(device);
}

function warningsOf(address: string) {
  return warnings.filter(({ message }) => message.includes(address));
}

test('a device that was forgotten is named, although the addon knows its callback', async () => {
  await forgetDevice('0000:01:00.0');
  await collectUntil(() => warnings.length > 0);
  expect(warningsOf('0000:01:00.0')).toEqual([
    { code: 'VFIO_LEAK', message: expect.stringContaining('was garbage collected') },
  ]);
  native.device.change({ lost: true, requested: true, fault: true });
});

test('a forgotten device stays open, whatever happens to it, until the kernel wants it back', async () => {
  await forgetDevice('0000:04:00.0');
  await collectUntil(() => warningsOf('0000:04:00.0').length > 0);
  native.log.length = 0;
  native.device.resetByOther(false);
  native.device.resetByOther(true);
  native.device.change({ lost: true, requested: false, fault: true });
  expect(native.log).toEqual([]);
  native.device.change({ lost: true, requested: true, fault: true });
  expect(native.log).toEqual(['close 0000:04:00.0']);
});

test('a device that was closed is not', async () => {
  const device = await closeDevice('0000:02:00.0');
  await collectUntil(() => device.deref() === undefined);
  await turn();
  expect(warningsOf('0000:02:00.0')).toEqual([]);
});

test('a device that was closed is not kept by the group that opened it', async () => {
  const container = new Container(ours, native, native.container);
  const group = await container.openGroup(12);
  const device = await closeDeviceOf(group, '0000:01:00.0');
  await collectUntil(() => device.deref() === undefined);
  expect(group.closed).toBe(false);
  await container.close();
});

/** Returns two parts of an adopted device, and drops the device itself. */
function partsOf(adoption: FakeAdoption): { buffer: DmaBuffer; vector: Interrupt } {
  const adopted = new AdoptedDevice(ours, native, adoption);
  return { buffer: adopted.memory[0] as DmaBuffer, vector: adopted.vector(3) };
}

test('an adopted device is in use with any part of it, which ends with the grant', async () => {
  const adoption = new FakeAdoption(new FakeDevice('0000:03:00.0', native.log));
  const { buffer, vector } = partsOf(adoption);
  const other = new FakeAdoption(new FakeDevice('0000:05:00.0', native.log));
  partsOf(other);
  await collectUntil(() => warningsOf('0000:05:00.0').length > 0);
  expect(warningsOf('0000:03:00.0')).toEqual([]);
  adoption.revoke();
  expect(buffer.closed).toBe(true);
  expect(() => vector.waitSync()).toThrow(expect.objectContaining({ code: 'ERR_VFIO_CLOSED' }));
});
