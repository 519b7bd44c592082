// SPDX-License-Identifier: MIT
// Opening devices by address and by group, and what an open leaves behind in this process.
import { constants } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { Container, openDevice } from '../../lib/index.js';
import { blocked, edu, nvme, pair } from '../../vm/devices.js';
import { groupNode, useBound } from '../support/bound.js';
import { Edu } from '../support/edu.js';
import { Holder } from '../support/holder.js';
import { deviceMappings, openDescriptors } from '../support/own-process.js';
import { describeOn } from '../support/subject.js';

describeOn({ backend: 'type1' }, 'opening', () => {
  useBound(edu, nvme, ...pair);

  describe('a device', () => {
    test('takes an address without its domain', async () => {
      await using device = await openDevice(edu.address.slice('0000:'.length));
      expect(device.address).toBe(edu.address);
    });
  });

  describe('both devices of a group', () => {
    test('works without naming a container', async () => {
      await using first = await openDevice(pair[0].address);
      await using second = await openDevice(pair[1].address);
      // One group means one address space: both devices see the buffer.
      const buffer = first.allocDma(4096, { iova: 0x0200_0000n });
      buffer.u8.fill(9, 0, 32);
      second.busMaster = true;
      await new Edu(second).load(buffer.iova, 32);
      await new Edu(second).store(buffer.iova + 32n, 32);
      expect(buffer.u8.slice(0, 65)).toEqual(new Uint8Array(65).fill(9, 0, 64));
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
