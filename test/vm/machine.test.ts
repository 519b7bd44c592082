// SPDX-License-Identifier: MIT
// The test machine has the devices that vm/devices.ts lists. All other device tests rely on that.
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import {
  blocked,
  edu,
  nvme,
  pair,
  rootPort,
  sparePort,
  type VmDevice,
  virtualFunctions,
  virtualizable,
} from '../../vm/devices.js';
import { plug, unplug, untilUnplugged } from '../../vm/host.js';
import { expectKernelLog } from '../support/kernel-log.js';
import { sysfs } from '../support/sysfs.js';
import { until } from '../support/until.js';

const all: VmDevice[] = [
  edu,
  rootPort,
  nvme,
  blocked.edu,
  blocked.neighbour,
  ...pair,
  virtualizable,
];

function number(device: VmDevice, name: string): number {
  return Number(readFileSync(sysfs(device, name), 'utf8'));
}

/** The driver that a device is bound to, if any. */
function driver(device: VmDevice): string | undefined {
  try {
    return basename(readlinkSync(sysfs(device, 'driver')));
  } catch {
    return undefined;
  }
}

/** The addresses of the devices in a device's group. */
function group(device: VmDevice): string[] {
  return readdirSync(sysfs(device, 'iommu_group/devices')).sort();
}

function addresses(...devices: VmDevice[]): string[] {
  return devices.map(({ address }) => address).sort();
}

describe('the test machine', () => {
  test.each(
    all.map((device) => [device.id, device.address, device.driver ?? 'no driver', device] as const),
  )('has %s at %s, held by %s', (_id, _address, _driver, device) => {
    expect(number(device, 'vendor')).toBe(device.vendor);
    expect(number(device, 'device')).toBe(device.device);
    expect(driver(device)).toBe(device.driver);
  });

  test('has its IOMMU on', () => {
    expect(readdirSync('/sys/class/iommu')).toContain('dmar0');
  });

  test('has an edu alone in its group', () => {
    expect(group(edu)).toEqual(addresses(edu));
  });

  test('has the NVMe controller in a group with its root port', () => {
    expect(group(nvme)).toEqual(addresses(rootPort, nvme));
  });

  test('has an NVMe controller, alone in its group, that can have virtual functions', () => {
    expect(group(virtualizable)).toEqual(addresses(virtualizable));
    expect(number(virtualizable, 'sriov_totalvfs')).toBe(virtualFunctions.length);
    expect(readFileSync('/sys/module/vfio_pci/parameters/enable_sriov', 'utf8')).toBe('Y\n');
  });

  test('has a group of two that no driver holds', () => {
    expect(group(pair[0])).toEqual(addresses(...pair));
  });

  test('has a group with a device that its kernel driver holds', () => {
    expect(group(blocked.edu)).toEqual(
      expect.arrayContaining(addresses(blocked.edu, blocked.neighbour)),
    );
  });
});

describe('the host', () => {
  test('plugs a device in, and takes it out when the guest lets go of it', async () => {
    await plug('nvme', 'guest', { bus: sparePort.id, serial: 'guest' });
    await until(() => existsSync(`/sys/bus/pci/devices/${sparePort.address}/driver`));
    await unplug('guest');
    await untilUnplugged('guest');
    await until(() => !existsSync(`/sys/bus/pci/devices/${sparePort.address}`));
  });

  test('says why it could not do what it was asked', async () => {
    await expect(unplug('nobody')).rejects.toThrow('nobody');
  });
});

describe('the kernel log gate', () => {
  test('lets an announced line pass', () => {
    expectKernelLog(/BUG: announced by a test/);
    // A line without a line end would wait for more text.
    writeFileSync('/dev/kmsg', 'BUG: announced by a test\n');
  });
});
