// SPDX-License-Identifier: MIT
import { describe, expect, test } from '@jest/globals';
import { blockersOf, listDevices, readDevice, readGroup, scanDevices } from '../../lib/pci.js';
import { rejectionOf } from './lib-fake-native.js';
import { FakeTree } from './lib-fake-tree.js';

describe('the facts of a device', () => {
  test('come from sysfs', () => {
    using tree = new FakeTree();
    tree.pci('0000:01:00.0', { driver: 'nvme', group: 12, numaNode: 1 });
    expect(readDevice('0000:01:00.0', tree.root)).toEqual({
      address: '0000:01:00.0',
      vendorId: 0x1b36,
      deviceId: 0x0010,
      classCode: 0x010802,
      subsystemVendorId: 0x1af4,
      subsystemId: 0x1100,
      driver: 'nvme',
      iommuGroup: 12,
      numaNode: 1,
    });
  });

  test('may be that there is no driver, no group and no node', () => {
    using tree = new FakeTree();
    tree.pci('0000:01:00.0');
    expect(readDevice('0000:01:00.0', tree.root)).toMatchObject({
      driver: undefined,
      iommuGroup: undefined,
      numaNode: undefined,
    });
  });

  test('are 0 where sysfs does not say', () => {
    using tree = new FakeTree();
    tree.file('/sys/bus/pci/devices/0000:01:00.0/vendor', '0x1b36\n');
    expect(readDevice('0000:01:00.0', tree.root)).toEqual({
      address: '0000:01:00.0',
      vendorId: 0x1b36,
      deviceId: 0,
      classCode: 0,
      subsystemVendorId: 0,
      subsystemId: 0,
      driver: undefined,
      iommuGroup: undefined,
      numaNode: undefined,
    });
  });

  test('are none when there is no device', () => {
    expect(readDevice('ffff:ff:1f.7')).toBeUndefined();
    using tree = new FakeTree();
    expect(readDevice('0000:01:00.0', tree.root)).toBeUndefined();
    expect(readGroup(12, tree.root)).toBeUndefined();
    expect(scanDevices({}, tree.root)).toEqual([]);
  });
});

describe('listing devices', () => {
  function addresses(filter: object): string[] {
    using tree = new FakeTree();
    tree.pci('0000:00:02.0', { vendor: '0x1234', device: '0x11e8', class: '0x00ff00' });
    tree.pci('0000:00:01.0', { vendor: '0x1b36', device: '0x0010' });
    return scanDevices(filter, tree.root).map(({ address }) => address);
  }

  test('gives them in order', () => {
    expect(addresses({})).toEqual(['0000:00:01.0', '0000:00:02.0']);
  });

  test.each([
    [{ vendorId: 0x1234 }, ['0000:00:02.0']],
    [{ vendorId: 0x1b36, deviceId: 0x0010 }, ['0000:00:01.0']],
    [{ classCode: 0x010802 }, ['0000:00:01.0']],
    [{ vendorId: 0x1234, classCode: 0x010802 }, []],
  ])('keeps to %j', (filter, expected) => {
    expect(addresses(filter)).toEqual(expected);
  });

  test.each([
    [{ vendor: 1 }, 'ERR_INVALID_ARG_VALUE'],
    [{ vendorId: '0x1234' }, 'ERR_INVALID_ARG_TYPE'],
    [{ vendorId: 0x10000 }, 'ERR_VFIO_RANGE'],
    [{ classCode: 0x1000000 }, 'ERR_VFIO_RANGE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
  ])('refuses %j', async (filter, code) => {
    expect((await rejectionOf(listDevices(filter as never))).code).toBe(code);
  });

  test('works on this machine', async () => {
    for (const device of await listDevices()) {
      expect(device.address).toMatch(/^[0-9a-f]{4,8}:/);
    }
  });
});

test('kernel drivers block a group; VFIO, stubs, bridges and no driver do not', () => {
  using tree = new FakeTree();
  const drivers = [
    'nvme',
    'vfio-pci',
    'mlx5_vfio_pci',
    'pci-stub',
    'pcieport',
    undefined,
    'e1000e',
  ];
  for (const [index, driver] of drivers.entries()) {
    tree.pci(`0000:01:00.${index}`, { driver, group: 7 });
  }
  const members = readGroup(7, tree.root) ?? [];
  expect(members).toHaveLength(7);
  expect(blockersOf(members).map(({ driver }) => driver)).toEqual(['nvme', 'e1000e']);
});
