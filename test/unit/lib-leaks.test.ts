// SPDX-License-Identifier: MIT
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { Container } from '../../lib/container.js';
import type { Device } from '../../lib/device.js';
import { catchWarnings, FakeNative, settle } from './lib-fake-native.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

let native: FakeNative;
let warnings: { code: unknown; message: string }[];

beforeEach(() => {
  native = new FakeNative();
  warnings = catchWarnings();
});

afterEach(() => {
  jest.restoreAllMocks();
});

/** Collects garbage until the object is gone and was told of. */
async function collected(object: WeakRef<object>): Promise<void> {
  for (let turn = 0; turn < 50 && object.deref() !== undefined; turn++) {
    await settle();
    collectGarbage();
  }
  expect(object.deref()).toBeUndefined();
  await settle();
}

async function openDevice(): Promise<Device> {
  const container = new Container(native, native.container);
  return container.openDevice('0000:01:00.0');
}

async function forgetDevice(): Promise<WeakRef<object>> {
  return new WeakRef(await openDevice());
}

async function closeDevice(): Promise<WeakRef<object>> {
  const device = await openDevice();
  await device.close();
  return new WeakRef(device);
}

test('a device that was forgotten is named, although the addon knows its callback', async () => {
  await collected(await forgetDevice());
  expect(warnings).toEqual([
    { code: 'VFIO_LEAK', message: expect.stringContaining('Device 0000:01:00.0 was garbage') },
  ]);
  native.device.change({ lost: true, requested: true, fault: true });
});

test('a device that was closed is not', async () => {
  await collected(await closeDevice());
  expect(warnings).toEqual([]);
});
