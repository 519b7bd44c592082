// SPDX-License-Identifier: MIT
// The errors of opening a device, and the hints that say what to do. A device outside any IOMMU group is not tested
// here: with its IOMMU on, the test machine has none. lib-hints.test.ts tests it, on a tree of files.
import { closeSync, constants, openSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { Container, openDevice } from '../../lib/index.js';
import { blocked, edu, nvme } from '../../vm/devices.js';
import { groupNode, useBound } from '../support/bound.js';
import { Holder } from '../support/holder.js';
import { describeOn } from '../support/subject.js';
import { driverOf } from '../support/sysfs.js';

describeOn({ backend: 'type1' }, 'a device cannot be opened', () => {
  useBound(edu);

  test('while its kernel driver has it: the error names the driver and the commands', async () => {
    expect(driverOf(nvme)).toBe('nvme');
    await expect(openDevice(nvme.address)).rejects.toMatchObject({
      code: 'ERR_VFIO_NOT_BOUND',
      address: nvme.address,
      message: expect.stringContaining(`${nvme.address} is bound to nvme, not to vfio-pci`),
      hint: [
        `As root, call bindDevice('${nvme.address}') or run:`,
        `  echo vfio-pci > /sys/bus/pci/devices/${nvme.address}/driver_override`,
        `  echo ${nvme.address} > /sys/bus/pci/drivers/nvme/unbind`,
        `  echo ${nvme.address} > /sys/bus/pci/drivers_probe`,
        'See vfio/docs/errors.md#err_vfio_not_bound',
      ].join('\n'),
    });
  });

  test('while no driver has it', async () => {
    await expect(openDevice(blocked.edu.address)).rejects.toMatchObject({
      code: 'ERR_VFIO_NOT_BOUND',
      message: expect.stringContaining('is not bound to vfio-pci: it has no driver'),
      hint: expect.not.stringContaining('unbind'),
    });
  });

  test('that is not there', async () => {
    for (const address of ['0000:05:00.0', '0001:01:00.0', '0000:01:00.7']) {
      await expect(openDevice(address)).rejects.toMatchObject({
        code: 'ENODEV',
        address,
        message: expect.stringContaining(`There is no PCI device ${address}`),
      });
    }
  });

  test.each([
    '../../etc',
    '0000:01:00.0/../../0000:00:01.0',
    '0000:01:00.0\0',
    '0000:01:00.8',
    '0000:01:20.0',
    '01:00',
    ' 0000:01:00.0',
    '0000:01:00.0\n',
    '٠٠٠٠:٠١:٠٠.٠',
    '',
  ])('by what is no address: %j', async (address) => {
    const refused = { code: 'ERR_VFIO_ADDRESS' };
    await using container = await Container.open();
    await expect(openDevice(address)).rejects.toMatchObject(refused);
    await expect(container.openDevice(address)).rejects.toMatchObject(refused);
  });

  test('while another process has its group: the error names the process', async () => {
    await using holder = await Holder.of(groupNode(edu), constants.O_RDWR);
    const refused = {
      code: 'EBUSY',
      path: groupNode(edu),
      address: edu.address,
      hint: expect.stringContaining(`open in process ${holder.pid} (node)`),
    };
    await expect(openDevice(edu.address)).rejects.toMatchObject(refused);
    await using container = await Container.open();
    await expect(container.openDevice(edu.address)).rejects.toMatchObject(refused);
    await holder.release();
    await (await openDevice(edu.address)).close();
  });

  test('while something else in this process has its group: the error says so', async () => {
    const node = openSync(groupNode(edu), constants.O_RDWR);
    try {
      await expect(openDevice(edu.address)).rejects.toMatchObject({
        code: 'EBUSY',
        hint: expect.stringContaining(`open in this process (${process.pid})`),
      });
    } finally {
      closeSync(node);
    }
    await (await openDevice(edu.address)).close();
  });
});
