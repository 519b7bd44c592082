// SPDX-License-Identifier: MIT
// Containers of type1: the IOMMU's page sizes, the count of mappings, and sharing the devices of a group.
import { describe, expect, test } from '@jest/globals';
import { Container, openDevice } from '../../lib/index.js';
import { edu, nvme, pair } from '../../vm/devices.js';
import { groupOf, useBound } from '../support/bound.js';
import { describeOn } from '../support/subject.js';

describeOn({ backend: 'type1' }, 'a container', () => {
  useBound(edu, nvme, ...pair);

  describe('with a device', () => {
    test('reports page sizes', async () => {
      await using container = await Container.open();
      await container.openDevice(edu.address);
      expect(container.info.pageSizes).toEqual([2 ** 12, 2 ** 21, 2 ** 30]);
    });

    test('counts the mappings that are left', async () => {
      await using container = await Container.open();
      await container.openDevice(edu.address);
      const left = () => container.info.mappingsAvailable;
      expect(left()).toBe(65535);
      const buffers = [4096, 8192, 2 ** 21].map((bytes) => container.allocDma(bytes));
      expect(left()).toBe(65532);
      buffers[1]?.close();
      expect(left()).toBe(65533);
      for (const buffer of buffers) buffer.close();
      expect(left()).toBe(65535);
    });
  });

  describe('with several devices', () => {
    test('holds several groups', async () => {
      await using container = await Container.open();
      const devices = await Promise.all(
        [edu, nvme, pair[0]].map(({ address }) => container.openDevice(address)),
      );
      const groups = devices.map(({ info }) => info.group);
      expect(groups).toEqual([groupOf(edu), groupOf(nvme), groupOf(pair[0])]);
      expect(new Set(container.devices)).toEqual(new Set(devices));
      expect(devices.map(({ container }) => container)).toEqual(Array(3).fill(container));
    });
  });

  describe('and another', () => {
    test('cannot share the devices of a group', async () => {
      await using one = await Container.open();
      await using other = await Container.open();
      await one.openDevice(pair[0].address);
      await expect(other.openDevice(pair[1].address)).rejects.toMatchObject({
        code: 'ERR_VFIO_BUSY',
        address: pair[1].address,
        message: expect.stringContaining(`group ${groupOf(pair[1])}`),
      });
      // The refusal changed nothing.
      await one.openDevice(pair[1].address);
    });

    test('can have a group one after the other', async () => {
      await using one = await Container.open();
      await using other = await Container.open();
      for (const container of [one, other, one]) {
        const device = await container.openDevice(pair[0].address);
        await device.close();
      }
    });

    test('count their mappings apart', async () => {
      await using one = await Container.open();
      await using other = await Container.open();
      await one.openDevice(edu.address);
      await other.openDevice(nvme.address);
      for (const container of [one, other]) container.allocDma(4096);
      expect([one, other].map(({ info }) => info.mappingsAvailable)).toEqual([65534, 65534]);
    });
  });

  test('of a device opened alone is joined by its group mate', async () => {
    await using first = await openDevice(pair[0].address);
    await using second = await openDevice(pair[1].address);
    const left = first.container.info.mappingsAvailable as number;
    second.allocDma(4096);
    expect(first.container.info.mappingsAvailable).toBe(left - 1);
  });
});
