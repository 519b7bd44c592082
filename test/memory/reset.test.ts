// SPDX-License-Identifier: MIT
// Reset: the state afterwards, and the accesses during it, which do not reach the device.
import { once } from 'node:events';
import { constants } from 'node:os';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Device, openDevice } from '../../lib/index.js';
import { useMachine } from '../../tools/testing-addon.js';
import { command } from '../support/command-register.js';
import { turn } from '../support/turn.js';
import { expectNothingOpen, withCode } from './support.js';

const address = '0000:07:00.0';
const stubborn = '0000:07:01.0';
const dying = '0000:07:02.0';
const bars = [{ size: 0x1000 }, { size: 0x1000, mappable: false }];
const machine = useMachine(
  { address, group: 70, bars, msix: 4 },
  { address: stubborn, group: 71, reset: false },
  { address: dying, group: 72 },
);
const hardware = machine.device(address);

let device: Device;

beforeEach(async () => {
  device = await openDevice(address);
});
afterEach(async () => {
  hardware.resetting.release();
  await device.close();
});
afterAll(() => expectNothingOpen(machine, address, stubborn));

describe('F2/ after a reset', () => {
  test('the device is as after open: quiet, its registers forgotten', async () => {
    device.busMaster = true;
    device.bar(0).write32(0, 1);
    await device.reset();
    const { memory, busMaster, intxDisable } = command;
    expect(hardware.command() & (memory | busMaster | intxDisable)).toBe(memory | intxDisable);
    expect(device.busMaster).toBe(false);
    expect(device.bar(0).read32(0)).toBe(0);
  });

  test('regions and DMA memory from before are valid', async () => {
    const region = device.bar(0);
    const buffer = device.allocDma(4096);
    buffer.u32[0] = 0x600d;
    await device.reset();
    region.write32(4, 5);
    expect(device.bar(0)).toBe(region);
    expect(hardware.peek(0, 4)).toBe(5);
    device.busMaster = true;
    expect(hardware.dmaRead(buffer.iova, 4)?.readUInt32LE()).toBe(0x600d);
  });

  test.each(['msix', 'intx'] as const)(
    'no interrupt is armed: the set of %s is closed',
    async (type) => {
      device.busMaster = true;
      const set = device.enableInterrupts(type, { count: 1 });
      const waiting = expect(set.vector(0).once()).rejects.toEqual(withCode('ERR_VFIO_CLOSED'));
      await device.reset();
      await waiting;
      expect(set.closed).toBe(true);
      expect(hardware.counts().eventfds).toBe(0);
      device.busMaster = true;
      device.enableInterrupts(type, { count: 1 });
      expect(hardware.counts().eventfds).toBe(1);
    },
  );

  test('the next one works', async () => {
    const { resets } = hardware.counts();
    await device.reset();
    await device.reset();
    expect(hardware.counts().resets).toBe(resets + 2);
  });
});

describe('F2/ during a reset', () => {
  let resetting: Promise<void>;

  beforeEach(() => {
    device.busMaster = true;
    device.bar(0);
    device.bar(1);
    hardware.resetting.hold();
    resetting = device.reset();
    hardware.resetting.awaitArrival();
  });
  afterEach(async () => {
    hardware.resetting.release();
    await Promise.allSettled([resetting]);
  });

  const calls: [string, () => unknown][] = [
    ['a read of a mapped BAR', () => device.bar(0).read32(0)],
    ['a read of 64 bits', () => device.bar(0).read64(0)],
    ['a write to a mapped BAR', () => device.bar(0).write8(0, 1)],
    ['a read of a BAR that is not mapped', () => device.bar(1).read16(0)],
    ['a write to a BAR that is not mapped', () => device.bar(1).write64(0, 1n)],
    ['a read of config space', () => device.config.vendorId],
    [
      'a write of config space',
      () => {
        device.config.command = 0;
      },
    ],
    ['a look at bus master', () => device.busMaster],
    [
      'a change of bus master',
      () => {
        device.busMaster = true;
      },
    ],
    ['arming INTx', () => device.enableInterrupts('intx')],
    ['arming MSI-X', () => device.enableInterrupts('msix')],
  ];

  test.each(calls)('%s is refused before it reaches the device', (_, call) => {
    const before = [hardware.command(), hardware.peek(0, 0), hardware.counts()];
    expect(call).toThrow(withCode('ERR_VFIO_BUSY', { address }));
    expect([hardware.command(), hardware.peek(0, 0), hardware.counts()]).toEqual(before);
  });

  test('another reset is refused', async () => {
    await expect(device.reset()).rejects.toEqual(withCode('ERR_VFIO_BUSY', { address }));
  });

  test('wrong arguments are told from a busy device', () => {
    expect(() => device.bar(0).read32(1)).toThrow(withCode('ERR_VFIO_ALIGN'));
    expect(() => device.bar(0).read32(-4)).toThrow(withCode('ERR_VFIO_RANGE'));
  });

  test('bus master is off already', () => {
    expect(hardware.command() & command.busMaster).toBe(0);
  });

  test('the loop turns', async () => {
    for (let i = 0; i < 100; i++) await turn();
    expect(() => device.bar(0).read32(0)).toThrow(withCode('ERR_VFIO_BUSY'));
  });

  test('DMA memory can be had, and interrupts be asked about', () => {
    device.allocDma(4096).close();
    expect(device.interruptInfo('msix').count).toBe(4);
  });

  test('close cuts at once, waits for the reset, and leaves nothing', async () => {
    const closing = device.close();
    expect(() => device.bar(0)).toThrow(withCode('ERR_VFIO_CLOSED'));
    expect(() => device.config.vendorId).toThrow(withCode('ERR_VFIO_CLOSED'));
    hardware.resetting.release();
    await expect(resetting).rejects.toEqual(withCode('ERR_VFIO_CLOSED'));
    await closing;
    expectNothingOpen(machine, address);
  });
});

describe('a reset that does not come about', () => {
  test('rejects with its errno, and the device works on with bus master off', async () => {
    device.busMaster = true;
    hardware.resetting.failNext(constants.errno.EIO);
    const request = 'VFIO_DEVICE_RESET';
    await expect(device.reset()).rejects.toEqual(withCode('EIO', { request, address }));
    expect(device.busMaster).toBe(false);
    device.bar(0).write32(0, 1);
    expect(device.bar(0).read32(0)).toBe(1);
    await device.reset();
  });

  test('is refused where the device has none, and closes no interrupt', async () => {
    await using device = await openDevice(stubborn);
    const set = device.enableInterrupts('intx');
    expect(device.info.resettable).toBe(false);
    await expect(device.reset()).rejects.toEqual(withCode('ERR_VFIO_UNSUPPORTED'));
    expect(set.closed).toBe(false);
    expect(machine.device(stubborn).counts().resets).toBe(0);
  });
});

test('F4/ a device that is lost during its reset stays lost', async () => {
  const gone = machine.device(dying);
  await using doomed = await openDevice(dying);
  gone.resetting.hold();
  const reset = doomed.reset();
  gone.resetting.awaitArrival();
  const lost = once(doomed, 'lost');
  gone.lose();
  await lost;
  gone.resetting.release();
  await expect(reset).rejects.toEqual(withCode('EIO'));
  expect(() => doomed.bar(0).read32(0)).toThrow(withCode('ERR_VFIO_LOST'));
  await expect(doomed.reset()).rejects.toEqual(withCode('ERR_VFIO_LOST'));
});
