// SPDX-License-Identifier: MIT
// Closing: its order, that it takes effect at once, and that every use of a closed object throws.
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type {
  Container,
  Device,
  DmaBuffer,
  Group,
  Interrupt,
  InterruptSet,
  Region,
} from '../../lib/index.js';
import { describeContract } from '../support/back-ends.js';
import { Edu } from '../support/edu.js';

const closed = { code: 'ERR_VFIO_CLOSED' };

/** One object of each kind. The container opens and closes them all. */
interface Parts {
  container: Container;
  group: Group;
  device: Device;
  bar: Region;
  buffer: DmaBuffer;
  set: InterruptSet;
  vector: Interrupt;
}

describeContract({}, 'F17/ closing', (subject) => {
  const { edu, nvme, pair } = subject.devices;
  subject.useReady(edu, nvme, ...pair);

  async function openParts(): Promise<Parts> {
    const container = await subject.openContainer();
    const group = await container.openGroup(subject.groupOf(pair[0]));
    const device = await container.openDevice(edu.address);
    device.busMaster = true;
    const set = device.enableInterrupts('msi');
    const bar = device.bar(0);
    return {
      container,
      group,
      device,
      bar,
      set,
      vector: set.vector(0),
      buffer: device.allocDma(4096),
    };
  }

  describe('a container', () => {
    test('closes its devices, its buffers and its groups', async () => {
      const container = await subject.openContainer();
      const group = await container.openGroup(subject.groupOf(pair[0]));
      // The devices close at the same time, so the order of their events means nothing.
      const told = new Set<string>();
      const note = (device: Device) => device.on('close', () => told.add(device.address));
      note(await container.openDevice(edu.address));
      note(await group.openDevice(pair[0].address));
      note(await container.openDevice(nvme.address));
      const buffer = container.allocDma(4096);
      await container.close();
      expect(told).toEqual(new Set([edu, pair[0], nvme].map(({ address }) => address)));
      expect([container.closed, group.closed, buffer.closed]).toEqual([true, true, true]);
      expect([container.devices, container.groups]).toEqual([[], []]);
    });

    test('cuts everything in the turn in which it is called', async () => {
      const container = await subject.openContainer();
      const device = await container.openDevice(edu.address);
      const bar = device.bar(0);
      const closing = container.close();
      expect(() => bar.read32(0)).toThrow(expect.objectContaining(closed));
      expect(() => device.busMaster).toThrow(expect.objectContaining(closed));
      expect(() => container.info).toThrow(expect.objectContaining(closed));
      expect(() => container.allocDma(4096)).toThrow(expect.objectContaining(closed));
      await closing;
    });

    test('gives the same promise when it is asked again, before and after', async () => {
      const container = await subject.openContainer();
      const device = await container.openDevice(edu.address);
      const closing = container.close();
      expect(container.close()).toBe(closing);
      const deviceClosing = device.close();
      await closing;
      await deviceClosing;
      expect(container.close()).toBe(closing);
      expect(device.close()).toBe(deviceClosing);
    });
  });

  describe('a container', () => {
    let parts: Parts;
    beforeAll(async () => {
      parts = await openParts();
      await parts.container.close();
    });

    test.each<[string, (parts: Parts) => unknown]>([
      ['container.openDevice', ({ container }) => container.openDevice(edu.address)],
      ['openDevice in it', ({ container }) => subject.openDevice(edu, { container })],
      ['container.openGroup', ({ container }) => container.openGroup(subject.groupOf(edu))],
      ['container.allocDma', ({ container }) => container.allocDma(4096)],
      ['container.info', ({ container }) => container.info],
      ['group.openDevice', ({ group }) => group.openDevice(pair[0].address)],
      ['device.region', ({ device }) => device.region(0)],
      ['device.busMaster', ({ device }) => device.busMaster],
      ['device.allocDma', ({ device }) => device.allocDma(4096)],
      ['device.enableInterrupts', ({ device }) => device.enableInterrupts('msi')],
      ['device.interruptInfo', ({ device }) => device.interruptInfo('msi')],
      ['device.reset', ({ device }) => device.reset()],
      ['config.vendorId', ({ device }) => device.config.vendorId],
      ['bar.read32', ({ bar }) => bar.read32(0)],
      ['bar.write32', ({ bar }) => bar.write32(4, 0)],
      ['buffer.u8', ({ buffer }) => buffer.u8],
      ['interrupts.vector', ({ set }) => set.vector(0)],
      ['interrupt.trigger', ({ vector }) => vector.trigger()],
    ])('leaves %s to throw', async (_what, call) => {
      const attempt = async () => call(parts);
      await expect(attempt()).rejects.toMatchObject(closed);
    });
  });

  test('stops DMA before it takes the memory away: no fault', async () => {
    // The kernel log must not contain a fault; the gate of the test machine checks that.
    for (let round = 0; round < 3; round++) {
      const device = await subject.openDevice(edu);
      const buffer = device.allocDma(4096);
      device.busMaster = true;
      new Edu(device).startStore(buffer.iova, 1024);
      await device.close();
      await sleep(120);
    }
  });
});
