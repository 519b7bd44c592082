// SPDX-License-Identifier: MIT
// Binds devices of the test machine to vfio-pci for the tests of a file. It also finds the groups of devices, and reads
// their config space from sysfs.
import { closeSync, openSync, readSync } from 'node:fs';
import { afterAll, beforeAll } from '@jest/globals';
import { type Binding, bindDevice, openDevice } from '../../lib/index.js';
import { readDevice } from '../../lib/pci.js';
import { nvme, type VmDevice } from '../../vm/devices.js';
import { type Held, useOpen } from './held.js';
import { nvmeDisk, sysfs } from './sysfs.js';

/**
 * Binds devices to vfio-pci before the tests of this group and restores their drivers after them. A device that is
 * already bound stays bound. An ordinary user finds every device bound (harness/guest-user.ts).
 */
export function useBound(...devices: Pick<VmDevice, 'address'>[]): void {
  const bindings: Binding[] = [];

  beforeAll(async () => {
    for (const { address } of devices) bindings.push(await bindDevice(address));
  });

  afterAll(async () => {
    for (const binding of bindings.reverse()) await restore(binding);
  });
}

/**
 * Binds and opens a device before the tests of this group. After them, it closes the device and restores its driver.
 */
export function useDevice(which: VmDevice): Held {
  return useOpen(
    () => useBound(which),
    () => openDevice(which.address),
  );
}

async function restore(binding: Binding): Promise<void> {
  await binding.restore();
  const driver = readDevice(binding.address)?.driver;
  if (binding.address === nvme.address && driver === nvme.driver) await nvmeDisk();
}

/** The IOMMU group of a device. */
export function groupOf({ address }: Pick<VmDevice, 'address'>): number {
  const group = readDevice(address)?.iommuGroup;
  if (group === undefined) throw new Error(`${address} is in no IOMMU group`);
  return group;
}

/** The node of a device's group, `/dev/vfio/N`. */
export function groupNode(device: VmDevice): string {
  return `/dev/vfio/${groupOf(device)}`;
}

/** Reads 16 bits of a device's real config space from sysfs, without VFIO's virtualization. */
export function realConfig16(device: VmDevice, offset: number): number {
  const fd = openSync(sysfs(device, 'config'), 'r');
  try {
    const bytes = Buffer.alloc(2);
    // Root can read all of the file, other users only the first 64 bytes.
    if (readSync(fd, bytes, 0, 2, offset) !== 2) throw new Error(`cannot read offset ${offset}`);
    return bytes.readUInt16LE();
  } finally {
    closeSync(fd);
  }
}
