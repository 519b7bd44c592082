// SPDX-License-Identifier: MIT
// Closing objects in any order, in any state and twice. Afterwards, nothing stays open, and each object says that it
// is closed.
import { afterAll, describe, expect, test } from '@jest/globals';
import {
  Container,
  type Device,
  type DmaBuffer,
  type Group,
  type InterruptSet,
} from '../../lib/index.js';
import { useMachine } from '../../tools/testing-addon.js';
import { command } from '../support/command-register.js';
import { ordersOf } from '../support/orders.js';
import { expectFootprint, expectNothingOpen, startingFootprint } from './support.js';

const address = '0000:0c:00.0';
const machine = useMachine({
  address,
  group: 120,
  bars: [{ size: 0x1000 }, { size: 0x1000, mappable: false }],
  msix: 4,
});
const hardware = machine.device(address);

afterAll(() => expectNothingOpen(machine, address));

interface Opened {
  container: Container;
  group: Group;
  device: Device;
  interrupts: InterruptSet;
  buffer: DmaBuffer;
}
type Name = keyof Opened;
const names: readonly Name[] = ['container', 'group', 'device', 'interrupts', 'buffer'];

async function openAll(): Promise<Opened> {
  const container = await Container.open();
  const group = await container.openGroup(120);
  const device = await group.openDevice(address);
  device.busMaster = true;
  const interrupts = device.enableInterrupts('msix', { count: 2 });
  const buffer = device.allocDma(4096);
  device.bar(0).write32(0, buffer.low());
  device.bar(1).write32(0, buffer.u32[0] ?? 0);
  return { container, group, device, interrupts, buffer };
}

const states: Record<string, (opened: Opened) => { settled: Promise<unknown> }> = {
  'that are idle': () => ({ settled: Promise.resolve() }),
  'with interrupts arriving': ({ interrupts }) => {
    interrupts.vector(0).on(() => {});
    const waiting = interrupts.vector(1).once();
    hardware.raise(2, 0);
    hardware.raise(2, 1);
    return { settled: waiting.catch(() => {}) };
  },
  'with a reset in flight': ({ device }) => {
    hardware.resetting.delay(1);
    return { settled: device.reset().catch(() => {}) };
  },
};

describe.each(Object.entries(states))('F17/ objects %s', (_, enter) => {
  const ways: [string, (opened: Opened, order: Name[]) => Promise<unknown>][] = [
    [
      'one after the other',
      async (opened, order) => {
        for (const name of order) await opened[name].close();
      },
    ],
    ['at once', (opened, order) => Promise.all(order.map((name) => opened[name].close()))],
  ];

  test.each(ways)('close in every order, %s, and leave nothing', async (_, close) => {
    await (await openAll()).container.close();
    const before = await startingFootprint();
    for (const order of ordersOf(names)) {
      const opened = await openAll();
      const { settled } = enter(opened);
      try {
        await close(opened, order);
        await settled;
        expectNothingOpen(machine, address);
        expect(names.filter((name) => !opened[name].closed)).toEqual([]);
      } catch (failure) {
        throw new Error(`Closing ${order.join(', ')}`, { cause: failure });
      }
    }
    hardware.resetting.delay(0);
    await expectFootprint(before);
  });

  test.each(names)('close with each other or not, as owners do: %s', async (name) => {
    const opened = await openAll();
    const { settled } = enter(opened);
    const first = opened[name].close();
    expect(opened[name].close()).toBe(first);
    await first;
    await settled;
    const closesWithIt: Record<Name, Name[]> = {
      container: ['container', 'group', 'device', 'interrupts', 'buffer'],
      group: ['group', 'device', 'interrupts'],
      device: ['device', 'interrupts'],
      interrupts: ['interrupts'],
      buffer: ['buffer'],
    };
    const closed = names.filter((other) => opened[other].closed);
    const ownByReset = hardware.counts().eventfds === 0 ? ['interrupts'] : [];
    expect(new Set(closed)).toEqual(new Set([...closesWithIt[name], ...ownByReset]));
    await opened.container.close();
    expectNothingOpen(machine, address);
    hardware.resetting.delay(0);
  });
});

describe('F17/ a close', () => {
  test('cuts in the same turn, and resolves when the kernel has let go', async () => {
    const { container, device } = await openAll();
    const region = device.bar(0);
    hardware.closing.hold();
    const closing = device.close();
    expect(device.closed).toBe(true);
    expect(() => region.read32(0)).toThrow(expect.objectContaining({ code: 'ERR_VFIO_CLOSED' }));
    hardware.closing.awaitArrival();
    expect(hardware.counts().functions).toBe(1);
    expect(hardware.command() & command.busMaster).toBe(0);
    hardware.closing.release();
    await closing;
    expect(hardware.counts().functions).toBe(0);
    await container.close();
  });

  test('takes bus master and interrupts off before it gives the device back', async () => {
    const { container } = await openAll();
    hardware.closing.hold();
    const closing = container.close();
    hardware.closing.awaitArrival();
    expect(hardware.command() & (command.busMaster | command.intxDisable)).toBe(
      command.intxDisable,
    );
    expect(hardware.counts().eventfds).toBe(0);
    expect(machine.mappings(120)).toHaveLength(1);
    hardware.closing.release();
    await closing;
  });

  test('of a parent waits for the close of a child that is under way', async () => {
    const { container, device } = await openAll();
    hardware.closing.hold();
    const ends: string[] = [];
    const closing = [
      device.close().then(() => ends.push('device')),
      container.close().then(() => ends.push('container')),
    ];
    hardware.closing.awaitArrival();
    hardware.closing.release();
    await Promise.all(closing);
    expect(ends).toEqual(['device', 'container']);
  });

  test('by `await using` is in the order that was asked for', async () => {
    {
      await using container = await Container.open();
      await using group = await container.openGroup(120);
      await using device = await group.openDevice(address);
      device.busMaster = true;
      using interrupts = device.enableInterrupts('msix');
      using buffer = device.allocDma(4096);
      expect([interrupts.closed, buffer.closed]).toEqual([false, false]);
    }
    expectNothingOpen(machine, address);
  });

  test('leaves descriptors and threads as they were, however often', async () => {
    const before = await startingFootprint();
    for (let i = 0; i < 20; i++) await (await openAll()).container.close();
    await expectFootprint(before);
  });
});
