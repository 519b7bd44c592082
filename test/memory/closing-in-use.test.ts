// SPDX-License-Identifier: MIT
// Closing objects while they are in use, from any callback and in every order. Nothing crashes and nothing stays open.
// Objects that the program still has are cut off: registers and doorbells throw, and arrays read zeros.
import { randomFill } from 'node:crypto';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from '@jest/globals';
import {
  Container,
  type Device,
  type DmaBuffer,
  type Doorbell,
  type Grant,
  type Group,
  type InterruptSet,
  type Region,
} from '../../lib/index.js';
import { useMachine } from '../../tools/testing-addon.js';
import { ordersOf } from '../support/orders.js';
import { expectFootprint, expectNothingOpen, startingFootprint, withCode } from './support.js';

const address = '0000:15:00.0';
const msix = 2;
const machine = useMachine({ address, group: 210, bars: [{ size: 0x1000 }], msix: 4 });
const hardware = machine.device(address);

afterAll(() => expectNothingOpen(machine, address));

/** The objects that a test closes, and the objects that it uses until then. */
interface Opened {
  container: Container;
  group: Group;
  device: Device;
  interrupts: InterruptSet;
  buffer: DmaBuffer;
  grant: Grant;
  bar: Region;
  doorbell: Doorbell;
  view: Uint8Array<ArrayBuffer>;
}
type Name = 'container' | 'group' | 'device' | 'interrupts' | 'buffer' | 'grant';
const names: readonly Name[] = ['container', 'group', 'device', 'interrupts', 'buffer', 'grant'];

async function openAll(): Promise<Opened> {
  const container = await Container.open();
  const group = await container.openGroup(210);
  const device = await group.openDevice(address);
  device.busMaster = true;
  const interrupts = device.enableInterrupts('msix', { count: 3 });
  const buffer = device.allocDma(4096);
  const bar = device.bar(0);
  const doorbell = bar.doorbell(8);
  const view = buffer.u8;
  const parts = { regions: [bar], vectors: [interrupts.vector(2)], memory: [buffer] };
  const grant = device.grant(parts);
  hardware.dmaWrite(buffer.iova, new Uint8Array(4096).fill(0x77));
  return { container, group, device, interrupts, buffer, grant, bar, doorbell, view };
}

function close(opened: Opened, name: Name): unknown {
  return name === 'grant' ? opened.grant.revoke() : opened[name].close();
}

/** All 720 orders, and the 120 of them that differ in the first three objects: these mostly close the rest too. */
const everyOrder = ordersOf(names);
const byFirstThree = everyOrder.filter((order) => {
  const rest = order.slice(3).map((name) => names.indexOf(name));
  return rest.every((index, at) => at === 0 || index > (rest[at - 1] as number));
});

/** Fails unless the program no longer reaches the device, and the device no longer reaches the memory. */
function expectCut({ bar, doorbell, buffer, view }: Opened): void {
  expect(() => bar.read32(0)).toThrow(withCode('ERR_VFIO_CLOSED'));
  expect(() => doorbell.write(1)).toThrow(withCode('ERR_VFIO_CLOSED'));
  expect(() => buffer.u8).toThrow(withCode('ERR_VFIO_CLOSED'));
  expect(hardware.dmaWrite(buffer.iova, Uint8Array.of(1))).toBe(false);
  view[1] = 1; // to pages that the device cannot reach
  expect(view[1]).toBe(1);
}

async function closeIn(
  which: string[][],
  cycle: (opened: Opened, order: Name[]) => Promise<void>,
): Promise<void> {
  await (await openAll()).container.close();
  const before = await startingFootprint();
  for (const order of which as Name[][]) {
    const opened = await openAll();
    try {
      await cycle(opened, order);
      expectCut(opened);
      expectNothingOpen(machine, address);
    } catch (failure) {
      throw new Error(`Closing ${order.join(', ')}: ${(failure as Error).message}`, {
        cause: failure,
      });
    }
  }
  await expectFootprint(before);
}

/** Starts one operation of each kind. All of them end once their objects are closed. */
function keepBusy({ bar, interrupts, view }: Opened): Promise<unknown> {
  const work = [
    promisify(randomFill)(view),
    bar.poll32(4, 0xffff_ffff, 1, { timeout: 5000 }),
    interrupts.vector(1).once(),
    hardware.storm(msix, 0, 200),
  ];
  interrupts.vector(0).on(() => bar.read32(0));
  return Promise.allSettled(work);
}

describe('F17/ six objects close in every order', () => {
  test('one after the other, when they are idle', () =>
    closeIn(everyOrder, async (opened, order) => {
      const { view } = opened;
      for (const name of order) await close(opened, name);
      expect(view[0]).toBe(0);
    }));

  test('in one turn, when they are idle', () =>
    closeIn(byFirstThree, async (opened, order) => {
      await Promise.all(order.map((name) => close(opened, name)));
      expect(opened.view[0]).toBe(0);
    }));

  test('one after the other, with accesses, interrupts and transfers in flight', () =>
    closeIn(byFirstThree, async (opened, order) => {
      const ended = keepBusy(opened);
      for (const name of order) await close(opened, name);
      await ended;
    }));

  test('in one turn, with accesses, interrupts and transfers in flight', () =>
    closeIn(byFirstThree, async (opened, order) => {
      const ended = keepBusy(opened);
      await Promise.all(order.map((name) => close(opened, name)));
      await ended;
    }));
});

describe('F17/ six objects close in every order from an interrupt’s callback that runs', () => {
  test('in that turn', () =>
    closeIn(byFirstThree, (opened, order) =>
      inCallback(opened, () => Promise.all(order.map((name) => close(opened, name)))),
    ));

  test('one after the other, before its promise settles', () =>
    closeIn(byFirstThree, (opened, order) =>
      inCallback(opened, async () => {
        for (const name of order) await close(opened, name);
      }),
    ));

  test('with another callback of the same interrupt after it', () =>
    closeIn(byFirstThree, async (opened, order) => {
      const vector = opened.interrupts.vector(0);
      const closed = inCallback(opened, () =>
        Promise.all(order.map((name) => close(opened, name))),
      );
      let heard = 0;
      vector.on((count) => {
        heard += count;
      });
      await closed;
      expect(heard).toBe(1);
    }));

  test('and from the body of an iteration', () =>
    closeIn(byFirstThree, async (opened, order) => {
      hardware.raise(msix, 0);
      let steps = 0;
      for await (const _ of opened.interrupts.vector(0)) {
        steps++;
        for (const name of order) await close(opened, name);
      }
      expect(steps).toBe(1);
    }));
});

/** Runs `body` in the callback of an interrupt, and waits for its end. */
function inCallback({ interrupts }: Opened, body: () => Promise<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    interrupts.vector(0).on(() => body().then(() => resolve(), reject));
    hardware.raise(msix, 0);
  });
}
