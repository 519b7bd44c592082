// SPDX-License-Identifier: MIT
// Accesses to a BAR that does not answer, because memory decode is off or the device sleeps. The access throws, the
// process goes on, and the BAR works again once the device answers. test/process/workers.test.ts does the same while
// another thread reads.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type Device, openDevice } from '../../lib/index.js';
import { type MemoryDevice, useMachine } from '../../tools/testing-addon.js';
import { everyAccess } from '../support/accesses.js';
import { command } from '../support/command-register.js';
import { toggleUnderReaders } from '../support/toggles.js';
import { mappableOrNot, withCode } from './support.js';

const address = '0000:06:00.0';

let device: Device;
let hardware: MemoryDevice;

beforeAll(async () => {
  hardware = useMachine({ address, group: 60, bars: mappableOrNot }).device(address);
  device = await openDevice(address);
});
afterEach(() => hardware.setDecode(true));
afterAll(() => device.close());

const failure = withCode('ERR_VFIO_BUS', { address, hint: expect.stringContaining('decode') });

describe.each([
  ['mapped', 0],
  ['not mappable', 1],
  ['mapped in part', 2],
])('F2/ a BAR that is %s', (_, bar) => {
  test.each(everyAccess)(
    'fails %s while the device does not decode, and heals',
    async (_, access) => {
      const region = device.bar(bar);
      for (const offset of [0, 0x1000, 0x2ff0]) {
        hardware.setDecode(true);
        await access(region, offset);
        region.write32(offset, offset + 1);
        hardware.setDecode(false);
        await expect((async () => access(region, offset))()).rejects.toEqual(failure);
        hardware.setDecode(true);
        expect(region.read32(offset)).toBe(offset + 1);
        await access(region, offset);
      }
    },
  );

  test('fails while the command register has memory decode off, and heals', () => {
    const region = device.bar(bar);
    const on = device.config.command;
    device.config.command = on & ~command.memory;
    expect(() => region.read32(0)).toThrow(failure);
    expect(() => region.write32(0, 1)).toThrow(failure);
    device.config.command = on;
    region.write32(0, 2);
    expect(region.read32(0)).toBe(2);
  });

  test('survives that a thousand times', () => {
    const region = device.bar(bar);
    region.write32(0x1000, 0x1234);
    let failures = 0;
    for (let i = 0; i < 1000; i++) {
      hardware.setDecode(i % 2 === 1);
      try {
        expect(region.read32(0x1000)).toBe(0x1234);
      } catch (error) {
        expect(error).toEqual(failure);
        failures++;
      }
    }
    expect(failures).toBe(500);
  });
});

test('F2/ config space answers all the while', () => {
  hardware.setDecode(false);
  expect(device.config.vendorId).toBe(0x1234);
});

test('F2/ wrong arguments are told from a bus error', () => {
  hardware.setDecode(false);
  expect(() => device.bar(0).read32(2)).toThrow(withCode('ERR_VFIO_ALIGN'));
  expect(() => device.bar(0).read32(0x3000)).toThrow(withCode('ERR_VFIO_RANGE'));
});

test('F2/ a device that does not decode closes and opens as any other', async () => {
  hardware.setDecode(false);
  await device.close();
  hardware.setDecode(true);
  device = await openDevice(address);
  expect(device.bar(0).read32(0)).toBe(2);
});

test('F2/ memory decode goes off and on under readers in two threads', async () => {
  const toggles = 500; // `npm run soak` makes a hundred thousand on real VFIO
  device.bar(0).write32(0x1000, 0x1234);
  const registers = {
    constant: 0x1000,
    value: 0x1234,
    doorbell: 8,
    echo: (value: number) => value,
  };
  const met = { read: 0, failed: 0 };
  // On a busy processor, it can take a while until the other thread sees both states.
  while (met.read === 0 || met.failed === 0) {
    const { here, there } = await toggleUnderReaders(device, toggles, registers);
    expect(here).toEqual({ read: toggles / 2, failed: toggles / 2, wrong: 0 });
    expect(there.wrong).toBe(0);
    met.read += there.read;
    met.failed += there.failed;
  }
});
