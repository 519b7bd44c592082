// SPDX-License-Identifier: MIT
// Opening devices: one, again, twice, several of a group; and what a failed open leaves behind.
import { constants } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { Container, openDevice } from '../../lib/index.js';
import { blocked, edu, nvme, pair } from '../../vm/devices.js';
import { deviceMappings, groupNode, groupOf, openDescriptors, useBound } from '../support/bound.js';
import { Edu, eduIdentification } from '../support/edu.js';
import { Holder } from '../support/holder.js';
import { describeOn } from '../support/subject.js';

describeOn({ backend: 'type1' }, 'opening', () => {
  useBound(edu, nvme, ...pair);

  describe('a device', () => {
    test('gives one that answers', async () => {
      await using device = await openDevice(edu.address);
      expect(device.address).toBe(edu.address);
      expect(device.closed).toBe(false);
      expect(device.info.group).toBe(groupOf(edu));
      expect(new Edu(device).identification).toBe(eduIdentification);
    });

    test('takes an address without its domain', async () => {
      await using device = await openDevice(edu.address.slice('0000:'.length));
      expect(device.address).toBe(edu.address);
    });

    test('in a container that is given shares that one', async () => {
      await using container = await Container.open();
      const device = await openDevice(edu.address, { container });
      expect(device.container).toBe(container);
      await device.close();
      expect(container.closed).toBe(false);
    });

    test('without one gives it a container of its own, which closes with it', async () => {
      const device = await openDevice(edu.address);
      expect(device.container.devices).toEqual([device]);
      await device.close();
      expect(device.container.closed).toBe(true);
    });

    test('does not depend on what it was used for before', async () => {
      for (let round = 1; round <= 5; round++) {
        await using device = await openDevice(nvme.address);
        expect(device.busMaster).toBe(false);
        // Controller Configuration: zero after the reset that comes with the open.
        expect(device.bar(0).read32(0x14)).toBe(0);
        device.bar(0).write32(0x14, 0x0046_0000);
        expect(device.bar(0).read32(0x14)).toBe(0x0046_0000);
        device.busMaster = true;
        using _armed = device.enableInterrupts('msix', { count: 4 });
      }
    });

    test('keeps the state of a device that cannot be reset', async () => {
      const first = await openDevice(edu.address);
      new Edu(first).invert(0x1234_5678);
      await first.close();
      await using second = await openDevice(edu.address);
      expect(second.info.resettable).toBe(false);
      expect(second.bar(0).read32(0x04)).toBe(~0x1234_5678 >>> 0);
    });

    test('is refused while this process has it open', async () => {
      await using first = await openDevice(edu.address);
      const busy = { code: 'ERR_VFIO_BUSY', address: edu.address };
      await expect(openDevice(edu.address)).rejects.toMatchObject(busy);
      await expect(first.container.openDevice(edu.address)).rejects.toMatchObject(busy);
      await using other = await Container.open();
      await expect(other.openDevice(edu.address)).rejects.toMatchObject(busy);
      expect(new Edu(first).invert(1)).toBe(0xffff_fffe);
    });

    test('at once from two sides succeeds for one of them', async () => {
      const opened = await Promise.allSettled([openDevice(edu.address), openDevice(edu.address)]);
      const outcomes = opened.map(({ status }) => status).sort();
      expect(outcomes).toEqual(['fulfilled', 'rejected']);
      for (const one of opened) {
        if (one.status === 'fulfilled') await one.value.close();
        else expect(one.reason).toMatchObject({ code: 'ERR_VFIO_BUSY' });
      }
    });

    test('can be abandoned; what arrives later is closed', async () => {
      const abandoned = new AbortController();
      const opening = openDevice(nvme.address, { signal: abandoned.signal });
      abandoned.abort(new Error('no longer wanted'));
      await expect(opening).rejects.toThrow('no longer wanted');
      const container = await Container.open();
      const late = container.openDevice(nvme.address, { signal: AbortSignal.timeout(1) });
      await expect(late).rejects.toBeDefined();
      // Waits for what is still being opened, and closes it.
      await container.close();
      await retryWhileBusy(async () => (await openDevice(nvme.address)).close());
    });

    test('can be abandoned before it began', async () => {
      const reason = new Error('never wanted');
      const opening = openDevice(edu.address, { signal: AbortSignal.abort(reason) });
      await expect(opening).rejects.toBe(reason);
    });
  });

  describe('both devices of a group', () => {
    test('gives two that do not disturb each other', async () => {
      await using container = await Container.open();
      const devices = [];
      for (const { address } of pair) devices.push(await container.openDevice(address));
      const [first, second] = devices.map((device) => new Edu(device)) as [Edu, Edu];
      expect(first.invert(0x1111_1111)).toBe(0xeeee_eeee);
      expect(second.invert(0x2222_2222)).toBe(0xdddd_dddd);
      expect(devices[0]?.bar(0).read32(0x04)).toBe(0xeeee_eeee);
      expect(devices.map(({ info }) => info.group)).toEqual(pair.map(groupOf));
    });

    test('works in one turn', async () => {
      await using container = await Container.open();
      const devices = await Promise.all(pair.map(({ address }) => container.openDevice(address)));
      for (const device of devices) expect(new Edu(device).identification).toBe(eduIdentification);
    });

    test('works without naming a container', async () => {
      await using first = await openDevice(pair[0].address);
      await using second = await openDevice(pair[1].address);
      // One group, so one address space: a buffer of one is seen by the other.
      const buffer = first.allocDma(4096, { iova: 0x0200_0000n });
      buffer.u8.fill(9, 0, 32);
      second.busMaster = true;
      await new Edu(second).load(buffer.iova, 32);
      await new Edu(second).store(buffer.iova + 32n, 32);
      expect(buffer.u8.slice(0, 65)).toEqual(new Uint8Array(65).fill(9, 0, 64));
    });

    test('leaves the second open when the first is closed', async () => {
      await using container = await Container.open();
      const first = await container.openDevice(pair[0].address);
      const second = await container.openDevice(pair[1].address);
      await first.close();
      expect(new Edu(second).invert(0)).toBe(0xffff_ffff);
      const again = await container.openDevice(pair[0].address);
      expect(new Edu(again).identification).toBe(eduIdentification);
    });
  });

  describe('leaves nothing behind', () => {
    /** What an open could leave in this process. */
    const traces = () => [openDescriptors().length, deviceMappings()];

    test.each([
      ['that there is not', '0000:05:00.0', 'ENODEV'],
      ['that is bound elsewhere', blocked.neighbour.address, 'ERR_VFIO_NOT_BOUND'],
      ['that is bound to nothing', blocked.edu.address, 'ERR_VFIO_NOT_BOUND'],
      ['that has no proper address', '../../etc', 'ERR_VFIO_ADDRESS'],
    ])('of a device %s', async (_which, address, code) => {
      await using container = await Container.open();
      const before = traces();
      for (let round = 0; round < 10; round++) {
        await expect(openDevice(address)).rejects.toMatchObject({ code });
        await expect(container.openDevice(address)).rejects.toMatchObject({ code });
      }
      expect(traces()).toEqual(before);
      expect(container.devices).toEqual([]);
    });

    test('of a device whose group another process holds', async () => {
      await using _holder = await Holder.of(groupNode(edu), constants.O_RDWR);
      await using container = await Container.open();
      const before = traces();
      for (let round = 0; round < 3; round++) {
        await expect(container.openDevice(edu.address)).rejects.toMatchObject({ code: 'EBUSY' });
      }
      expect(traces()).toEqual(before);
      expect(container.info.attached).toBe(false);
    });

    test('of a device that opened and was closed', async () => {
      await (await openDevice(nvme.address)).close();
      const before = traces();
      for (let round = 0; round < 3; round++) {
        const device = await openDevice(nvme.address);
        device.bar(0).read32(0);
        device.busMaster = true;
        device.enableInterrupts('msix', { count: 65 });
        device.allocDma(2 ** 20);
        expect(deviceMappings().length).toBeGreaterThan(0);
        await device.close();
      }
      expect(traces()).toEqual(before);
    });
  });
});

/** An abandoned open is closed in the background. */
async function retryWhileBusy(work: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await work();
    } catch (failure) {
      if ((failure as NodeJS.ErrnoException).code !== 'ERR_VFIO_BUSY') throw failure;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
