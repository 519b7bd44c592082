// SPDX-License-Identifier: MIT
// Groups: their members, what blocks them, and holding one open.
import { constants, writeFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { bindDevice, Container, openDevice } from '../../lib/index.js';
import { blocked, edu, nvme, pair, rootPort } from '../../vm/devices.js';
import { groupNode, groupOf, useBound } from '../support/bound.js';
import { Holder } from '../support/holder.js';
import { describeOn } from '../support/subject.js';
import { driverOf } from '../support/sysfs.js';
import { until } from '../support/until.js';

describeOn({ backend: 'type1' }, 'a group', () => {
  describe('that can be handed over', () => {
    useBound(edu, nvme, ...pair);

    test('knows its members, as sysfs does', async () => {
      await using container = await Container.open();
      const group = await container.openGroup(groupOf(pair[0]));
      expect(group.id).toBe(groupOf(pair[0]));
      expect(group.container).toBe(container);
      expect(container.groups).toEqual([group]);
      expect(group.members).toMatchObject(
        pair.map(({ address, vendor, device }) => ({
          address,
          vendorId: vendor,
          deviceId: device,
          driver: 'vfio-pci',
          iommuGroup: group.id,
        })),
      );
    });

    test('is viable', async () => {
      await using container = await Container.open();
      const group = await container.openGroup(groupOf(edu));
      expect(group.viable).toBe(true);
      expect(group.blockers).toEqual([]);
    });

    test('is not blocked by a bridge under pcieport', async () => {
      await using container = await Container.open();
      const group = await container.openGroup(groupOf(nvme));
      expect(driverOf(rootPort)).toBe('pcieport');
      expect(group.viable).toBe(true);
      const device = await group.openDevice(nvme.address);
      expect(device.info.classCode).toBe(0x01_0802);
    });

    test('attaches its container without a device', async () => {
      await using container = await Container.open();
      await container.openGroup(groupOf(edu));
      expect(container.info).toMatchObject({ attached: true, mappingsAvailable: 65535 });
      expect(container.allocDma(4096).byteLength).toBe(4096);
    });

    test('is held as often as it was opened', async () => {
      await using container = await Container.open();
      const first = await container.openGroup(groupOf(edu));
      const second = await container.openGroup(groupOf(edu));
      await first.close();
      expect(container.info.attached).toBe(true);
      await second.openDevice(edu.address);
      await second.close();
      expect(container.info.attached).toBe(false);
    });

    test('stays held while its devices come and go', async () => {
      await using container = await Container.open();
      const group = await container.openGroup(groupOf(edu));
      const device = await group.openDevice(edu.address);
      await device.close();
      expect(container.info.attached).toBe(true);
      await expect(Holder.of(groupNode(edu), constants.O_RDWR)).rejects.toThrow('EBUSY');
      await group.close();
      await using holder = await Holder.of(groupNode(edu), constants.O_RDWR);
      expect(holder.pid).toBeGreaterThan(0);
    });

    test('that there is not is not opened', async () => {
      await using container = await Container.open();
      const failure = {
        code: 'ENOENT',
        path: '/dev/vfio/9999',
        hint: expect.stringContaining('ls /sys/kernel/iommu_groups'),
      };
      await expect(container.openGroup(9999)).rejects.toMatchObject(failure);
      // A second attempt fails in the same way.
      await expect(container.openGroup(9999)).rejects.toMatchObject(failure);
      expect(container.groups).toEqual([]);
    });
  });
});

describeOn({ backend: 'type1' }, 'S5/ a group with a device that its kernel driver holds', () => {
  useBound(blocked.edu);

  const { address, driver } = blocked.neighbour;
  const refusal = {
    code: 'ERR_VFIO_NOT_VIABLE',
    message: expect.stringMatching(
      `IOMMU group \\d+ is not viable: ${address} is bound to ${driver}`,
    ),
  };

  test('cannot be opened; the error names the device and its driver', async () => {
    await using container = await Container.open();
    const opening = container.openGroup(groupOf(blocked.edu));
    await expect(opening).rejects.toMatchObject(refusal);
    expect(container.groups).toEqual([]);
  });

  test('has no device that could be opened; the error names what blocks it', async () => {
    const hint = expect.stringContaining(`bindDevice('${address}')`);
    const opening = openDevice(blocked.edu.address);
    await expect(opening).rejects.toMatchObject({ ...refusal, address: blocked.edu.address });
    await expect(openDevice(blocked.edu.address)).rejects.toMatchObject({ hint });
  });

  test('is viable while the neighbour is bound to vfio-pci too', async () => {
    const binding = await bindDevice(address);
    expect(binding.previousDriver).toBe(driver);
    try {
      await using container = await Container.open();
      const group = await container.openGroup(groupOf(blocked.edu));
      expect(group.blockers).toEqual([]);
      await group.openDevice(blocked.edu.address);
      const neighbour = await group.openDevice(address);
      expect(neighbour.info).toMatchObject({ vendorId: 0x8086, deviceId: 0x10d3 });
    } finally {
      await binding.restore();
    }
    expect(driverOf(blocked.neighbour)).toBe(driver);
    await expect(openDevice(blocked.edu.address)).rejects.toMatchObject(refusal);
  });

  test('is viable while the neighbour has no driver at all', async () => {
    writeFileSync(`/sys/bus/pci/drivers/${driver}/unbind`, address);
    try {
      const device = await openDevice(blocked.edu.address);
      await device.close();
    } finally {
      writeFileSync(`/sys/bus/pci/drivers/${driver}/bind`, address);
    }
    await until(() => driverOf(blocked.neighbour) === driver, 'the neighbour has its driver again');
  });

  test('names what blocks it to those who hold it', async () => {
    // While a group is open, the kernel refuses to bind a driver to its devices, so nothing can block it then.
    const binding = await bindDevice(address);
    await using container = await Container.open();
    const group = await container.openGroup(groupOf(blocked.edu));
    expect(group.members.map((member) => member.address)).toEqual(
      expect.arrayContaining([blocked.edu.address, address]),
    );
    await group.close();
    await binding.restore();
  });
});
