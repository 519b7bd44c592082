// SPDX-License-Identifier: MIT
// Hot reset: the reset of a whole slot or bus with every device on it.
import { once } from 'node:events';
import { constants } from 'node:os';
import { afterAll, afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Container, type Device, openDevice } from '../../lib/index.js';
import { useMachine } from '../../tools/testing-addon.js';
import { command } from '../support/command-register.js';
import { until } from '../support/until.js';
import { expectNothingOpen, withCode } from './support.js';

const address = '0000:0a:00.0';
const mate = '0000:0a:00.1';
const closed = '0000:0a:00.2';
const alone = '0000:0b:00.0';
const far = ['0000:0c:00.0', '0000:0c:00.1'] as const;
const bars = [{ size: 0x1000 }, { size: 0x1000, mappable: false }];
const machine = useMachine(
  { address, group: 100, bars, msix: 4, reset: false, slot: 1 },
  { address: mate, group: 100, bars, msix: 4, slot: 1 },
  { address: closed, group: 100, bars, slot: 1 },
  { address: alone, group: 110 },
  { address: far[0], group: 120, slot: 2 },
  { address: far[1], group: 121, slot: 2 },
);
const hardware = machine.device(address);
const mateHardware = machine.device(mate);

let device: Device;
let neighbour: Device;

beforeEach(async () => {
  device = await openDevice(address);
  neighbour = await openDevice(mate);
});
afterEach(async () => {
  hardware.resetting.release();
  await Promise.all([device.close(), neighbour.close()]);
});
afterAll(() => expectNothingOpen(machine, address, mate, closed, alone, ...far));

test('says beforehand what it takes along', () => {
  expect(device.hotResetInfo()).toEqual([
    { address, group: 100 },
    { address: mate, group: 100 },
    { address: closed, group: 100 },
  ]);
  expect(neighbour.hotResetInfo()).toEqual(device.hotResetInfo());
});

describe('F2/ after a hot reset', () => {
  test('every device of the slot is as after open: quiet, its registers forgotten', async () => {
    for (const each of [device, neighbour]) {
      each.busMaster = true;
      each.bar(0).write32(0, 1);
    }
    await Promise.all([device.hotReset(), once(neighbour, 'reset')]);
    const { memory, busMaster, intxDisable } = command;
    for (const each of [hardware, mateHardware]) {
      expect(each.command() & (memory | busMaster | intxDisable)).toBe(memory | intxDisable);
      expect(each.counts().resets).toBeGreaterThan(0);
    }
    for (const each of [device, neighbour]) {
      expect(each.busMaster).toBe(false);
      expect(each.bar(0).read32(0)).toBe(0);
      each.bar(0).write32(0, 2);
      expect(each.bar(0).read32(0)).toBe(2);
    }
  });

  test('memory decode is on although it was off before', async () => {
    neighbour.config.command &= ~command.memory;
    await device.hotReset();
    neighbour.bar(0).write32(0, 3);
    expect(mateHardware.peek(0, 0)).toBe(3);
  });

  test('regions, doorbells and DMA memory from before are valid', async () => {
    const doorbells = [device, neighbour].map((each) => each.bar(0).doorbell(8));
    const buffer = neighbour.allocDma(4096);
    buffer.u32[0] = 0x600d;
    await Promise.all([device.hotReset(), once(neighbour, 'reset')]);
    for (const doorbell of doorbells) doorbell.write(7);
    expect([hardware.peek(0, 8), mateHardware.peek(0, 8)]).toEqual([7, 7]);
    neighbour.busMaster = true;
    expect(mateHardware.dmaRead(buffer.iova, 4)?.readUInt32LE()).toBe(0x600d);
  });

  test('no interrupt is armed: the sets of all of them are closed', async () => {
    const sets = [device, neighbour].map((each) => {
      each.busMaster = true;
      return each.enableInterrupts('msix', { count: 2 });
    });
    const waiting = sets.map((set) =>
      expect(set.vector(0).once()).rejects.toEqual(withCode('ERR_VFIO_CLOSED')),
    );
    await device.hotReset();
    await Promise.all(waiting);
    expect(sets.map((set) => set.closed)).toEqual([true, true]);
    expect([hardware, mateHardware].map((each) => each.counts().eventfds)).toEqual([0, 0]);
    neighbour.busMaster = true;
    neighbour.enableInterrupts('msix', { count: 1 });
    expect(mateHardware.counts().eventfds).toBe(1);
  });

  test('listeners of each hear of it once', async () => {
    const heard = [jest.fn(), jest.fn()] as const;
    device.on('reset', heard[0]);
    neighbour.on('reset', heard[1]);
    await device.hotReset();
    await until(() => heard[1].mock.calls.length > 0);
    await neighbour.hotReset();
    await until(() => heard[0].mock.calls.length > 1);
    expect(heard.map((each) => each.mock.calls.length)).toEqual([2, 2]);
  });

  test('a device of the slot that was not open can be opened at once', async () => {
    await device.hotReset();
    await (await openDevice(closed)).close();
    expect(machine.device(closed).counts().resets).toBeGreaterThan(0);
  });
});

describe('F2/ during a hot reset', () => {
  let resetting: Promise<void>;

  beforeEach(() => {
    for (const each of [device, neighbour]) {
      each.busMaster = true;
      each.bar(0);
    }
    hardware.resetting.hold();
    resetting = device.hotReset();
    hardware.resetting.awaitArrival();
  });
  afterEach(async () => {
    hardware.resetting.release();
    await Promise.allSettled([resetting]);
  });

  const busy = withCode('ERR_VFIO_BUSY');

  const calls: [string, (device: Device) => unknown][] = [
    ['a read of a mapped BAR', (device) => device.bar(0).read32(0)],
    ['a write to it', (device) => device.bar(0).write64(0, 1n)],
    ['a read of a BAR that is not mapped', (device) => device.bar(1).read8(0)],
    ['a read of config space', (device) => device.config.vendorId],
    ['a change of config space', (device) => device.config.write16(4, 0)],
    ['a look at bus master', (device) => device.busMaster],
    ['arming MSI-X', (device) => device.enableInterrupts('msix')],
    ['another question about it', (device) => device.hotResetInfo()],
  ];

  test.each(calls)('%s is refused, on every device of the slot', (_, call) => {
    expect(() => call(device)).toThrow(busy);
    expect(() => call(neighbour)).toThrow(busy);
  });

  test('other resets are refused, and so are opens', async () => {
    await expect(device.hotReset()).rejects.toEqual(busy);
    await expect(neighbour.hotReset()).rejects.toEqual(busy);
    await expect(neighbour.reset()).rejects.toEqual(busy);
    await expect(openDevice(closed)).rejects.toEqual(busy);
  });

  test('bus master is off already, everywhere', () => {
    expect(hardware.command() & command.busMaster).toBe(0);
    expect(mateHardware.command() & command.busMaster).toBe(0);
  });

  test('a doorbell of a neighbour that has not heard of it yet loses its stores', async () => {
    hardware.resetting.release();
    await resetting;
    const doorbell = neighbour.bar(0).doorbell(16);
    hardware.resetting.hold();
    resetting = device.hotReset();
    hardware.resetting.awaitArrival();
    try {
      doorbell.write(9);
    } catch (error) {
      expect(error).toEqual(busy); // if native code makes the store
    }
    hardware.resetting.release();
    await resetting;
    expect(mateHardware.peek(0, 16)).toBe(0);
  });

  test('a doorbell of a neighbour that has heard of it refuses its stores', async () => {
    hardware.resetting.release();
    await resetting;
    const doorbell = neighbour.bar(0).doorbell(16);
    hardware.resetting.hold();
    resetting = device.hotReset();
    await until(() => {
      try {
        doorbell.write(9);
        return false;
      } catch (error) {
        expect(error).toEqual(busy);
        return true;
      }
    });
  });

  test('a neighbour can close meanwhile, and the rest goes on', async () => {
    const closing = neighbour.close();
    expect(() => neighbour.bar(0)).toThrow(withCode('ERR_VFIO_CLOSED'));
    await closing;
    await expect(openDevice(mate)).rejects.toEqual(busy);
    hardware.resetting.release();
    await resetting;
    await (await openDevice(mate)).close();
    device.bar(0).write32(0, 4);
    expect(hardware.peek(0, 0)).toBe(4);
  });

  test('close cuts at once, waits for it, and the neighbour lives', async () => {
    const closing = device.close();
    expect(() => device.config.vendorId).toThrow(withCode('ERR_VFIO_CLOSED'));
    hardware.resetting.release();
    await expect(resetting).rejects.toEqual(withCode('ERR_VFIO_CLOSED'));
    await closing;
    neighbour.bar(0).write32(0, 5);
    expect(mateHardware.peek(0, 0)).toBe(5);
  });
});

describe('a hot reset that does not come about', () => {
  test('rejects with its errno; everybody works on, quiet, and the neighbours hear of it', async () => {
    device.busMaster = true;
    neighbour.busMaster = true;
    const heard = once(neighbour, 'reset');
    hardware.resetting.failNext(constants.errno.EIO);
    const request = 'VFIO_DEVICE_PCI_HOT_RESET';
    await expect(device.hotReset()).rejects.toEqual(withCode('EIO', { request, address }));
    await heard;
    for (const each of [device, neighbour]) {
      expect(each.busMaster).toBe(false);
      each.bar(0).write32(0, 1);
      expect(each.bar(0).read32(0)).toBe(1);
    }
    await device.hotReset();
  });

  test('is refused where there is none, and changes nothing', async () => {
    await using device = await openDevice(alone);
    const set = device.enableInterrupts('intx');
    expect(device.hotResetInfo()).toEqual([]);
    await expect(device.hotReset()).rejects.toEqual(
      withCode('ERR_VFIO_UNSUPPORTED', { address: alone }),
    );
    expect(set.closed).toBe(false);
  });

  test('is refused while a group is not held, changes nothing, and names it', async () => {
    await using container = await Container.open();
    await using device = await container.openDevice(far[0]);
    const set = device.enableInterrupts('intx');
    await expect(device.hotReset()).rejects.toEqual(
      withCode('ERR_VFIO_UNSUPPORTED', {
        address: far[0],
        message: expect.stringMatching(/0000:0c:00\.1 of group 121/),
        hint: expect.stringContaining('container.openGroup(121)'),
      }),
    );
    expect(set.closed).toBe(false);
    await container.openGroup(121);
    await device.hotReset();
    expect(set.closed).toBe(true);
    expect(machine.device(far[1]).counts().resets).toBe(1);
  });

  test('is refused while another is being reset, opened or closed, and changes nothing', async () => {
    const busy = withCode('ERR_VFIO_BUSY');
    device.busMaster = true;
    const set = device.enableInterrupts('msix');
    mateHardware.resetting.hold();
    const reset = neighbour.reset();
    await expect(device.hotReset()).rejects.toEqual(busy);
    mateHardware.resetting.release();
    await reset;

    const { opening, closing } = machine.device(closed);
    opening.hold();
    const arriving = openDevice(closed);
    opening.awaitArrival();
    await expect(device.hotReset()).rejects.toEqual(busy);
    opening.release();
    const third = await arriving;

    closing.hold();
    const ending = third.close();
    await expect(device.hotReset()).rejects.toEqual(busy);
    closing.release();
    await ending;
    expect(set.closed).toBe(false);
    expect(hardware.counts().eventfds).toBe(1);
    expect(device.busMaster).toBe(true);
    const raised = set.vector(0).once();
    expect(hardware.raise(2, 0)).toBe(true);
    await raised;
    await device.hotReset();
  });

  test('is refused on a closed device', async () => {
    await device.close();
    await expect(device.hotReset()).rejects.toEqual(withCode('ERR_VFIO_CLOSED'));
    expect(() => device.hotResetInfo()).toThrow(withCode('ERR_VFIO_CLOSED'));
  });
});
