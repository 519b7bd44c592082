// SPDX-License-Identifier: MIT
// A machine without an IOMMU: the library drives no device, even if the kernel would hand it out. The tests build on
// each other: they turn off the kernel's own protection on the way.
import { closeSync, existsSync, openSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Binding, bindDevice, Container, openDevice } from '../../lib/index.js';
import { readDevice } from '../../lib/pci.js';
import { edu } from '../../vm/devices.js';
import { driverOf } from '../support/sysfs.js';

const { address } = edu;
const refused = { code: 'ERR_VFIO_NO_IOMMU' };

describe('S4/ without an IOMMU', () => {
  test('a device cannot be opened, and it is said why', async () => {
    await expect(openDevice(address)).rejects.toMatchObject({
      ...refused,
      address,
      hint: expect.stringContaining('No IOMMU is active'),
    });
  });

  test('a device cannot be bound, and is as it was', async () => {
    await expect(bindDevice(address)).rejects.toMatchObject({
      ...refused,
      address,
      hint: expect.stringContaining('No IOMMU is active'),
    });
    expect(driverOf(edu)).toBeUndefined();
  });

  describe('on a kernel that hands out devices all the same', () => {
    const parameter = '/sys/module/vfio/parameters/enable_unsafe_noiommu_mode';
    let binding: Binding;
    let group: number;

    beforeAll(async () => {
      writeFileSync(parameter, 'Y');
      binding = await bindDevice(address);
      group = readDevice(address)?.iommuGroup as number;
    });
    afterAll(async () => {
      await binding.restore();
      writeFileSync(parameter, 'N');
    });

    test('the device is there to be opened', () => {
      expect(existsSync(`/dev/vfio/noiommu-${group}`)).toBe(true);
    });

    test('it cannot be opened by its address', async () => {
      const hint = expect.stringContaining('read and write all memory');
      await expect(openDevice(address)).rejects.toMatchObject({ ...refused, address, hint });
    });

    test('it cannot be opened by its group', async () => {
      await using container = await Container.open();
      await expect(container.openGroup(group)).rejects.toMatchObject(refused);
      expect(container.groups).toEqual([]);
    });

    test('it cannot be opened by a descriptor of its group', async () => {
      const descriptor = openSync(`/dev/vfio/noiommu-${group}`, 'r+');
      try {
        await using container = await Container.open();
        await expect(container.openGroup(group, { descriptor })).rejects.toMatchObject(refused);
        expect(container.groups).toEqual([]);
      } finally {
        closeSync(descriptor);
      }
    });
  });
});
