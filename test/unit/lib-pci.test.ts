// SPDX-License-Identifier: MIT
import { describe, expect, test } from '@jest/globals';
import { findDevice, findIn } from '../../lib/find-device.js';
import { blockersOf, listDevices, readDevice, readGroup, scanDevices } from '../../lib/pci.js';
import { rejectionOf, thrownBy } from './lib-fake-native.js';
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
    [{ baseClass: 0x01 }, ['0000:00:01.0']],
    [{ baseClass: 0x00, subclass: 0xff }, ['0000:00:02.0']],
    [{ subclass: 0x02 }, []],
  ])('keeps to %j', (filter, expected) => {
    expect(addresses(filter)).toEqual(expected);
  });

  test.each([
    [{ vendor: 1 }, 'ERR_INVALID_ARG_VALUE'],
    [{ vendorId: '0x1234' }, 'ERR_INVALID_ARG_TYPE'],
    [{ vendorId: 0x10000 }, 'ERR_VFIO_RANGE'],
    [{ classCode: 0x1000000 }, 'ERR_VFIO_RANGE'],
    [{ baseClass: 0x100 }, 'ERR_VFIO_RANGE'],
    [{ subclass: -1 }, 'ERR_VFIO_RANGE'],
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

describe('finding a device', () => {
  function find(filter: object, functions = 2) {
    using tree = new FakeTree();
    for (let index = 0; index < functions; index++) {
      tree.pci(`0000:01:00.${index}`, { device: `0x${10 + index}`, driver: 'nvme' });
    }
    return findIn(filter, tree.root);
  }

  test('returns the only one that matches', () => {
    expect(find({ vendorId: 0x1b36, deviceId: 0x11 }).address).toBe('0000:01:00.1');
  });

  test('says what it looked for and what there is', () => {
    expect(thrownBy(() => find({ vendorId: 0x8086, classCode: 0x020000 }))).toMatchObject({
      code: 'ERR_VFIO_NOT_FOUND',
      message: [
        'No PCI device has vendorId 0x8086 and classCode 0x020000',
        'There are:',
        '  0000:01:00.0 1b36:0010 class 0x010802, nvme',
        '  0000:01:00.1 1b36:0011 class 0x010802, nvme',
        'See vfio/docs/errors.md#err_vfio_not_found',
      ].join('\n'),
    });
    expect(thrownBy(() => find({ subclass: 0x05 }, 0)).message).toContain('sysfs lists no device');
  });

  test('lists those that match if there are several', () => {
    expect(thrownBy(() => find({ baseClass: 0x01 }))).toMatchObject({
      code: 'ERR_VFIO_AMBIGUOUS',
      message: [
        '2 PCI devices have baseClass 0x01',
        'Add a field to the filter, or choose the address of one of these:',
        '  0000:01:00.0 1b36:0010 class 0x010802, nvme',
        '  0000:01:00.1 1b36:0011 class 0x010802, nvme',
        'See vfio/docs/errors.md#err_vfio_ambiguous',
      ].join('\n'),
    });
    expect(thrownBy(() => find({}))).toMatchObject({
      message: expect.stringContaining('The filter is empty, and 2 PCI devices match it'),
    });
  });

  test.each([
    [16, []],
    [17, ['  and 1 more: `lspci -Dnn` lists all']],
    [20, ['  and 4 more: `lspci -Dnn` lists all']],
  ])('keeps a list of %i devices short', (devices, more) => {
    using tree = new FakeTree();
    for (let slot = 0; slot < devices; slot++) {
      tree.pci(`0000:00:${slot.toString(16).padStart(2, '0')}.0`);
    }
    for (const filter of [{ vendorId: 1 }, {}]) {
      const [, , ...list] = thrownBy(() => findIn(filter, tree.root)).message.split('\n');
      expect(list.filter((line) => line.startsWith('  0000:00:'))).toHaveLength(16);
      expect(list.slice(16, -1)).toEqual(more);
    }
  });

  test('checks its filter', async () => {
    expect(await rejectionOf(findDevice({ vendor: 1 } as never))).toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringContaining('for findDevice'),
    });
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
