// SPDX-License-Identifier: MIT
// Devices of the test machine in the hands of vfio-pci for the tests of a file, and what sysfs says
// about them meanwhile.
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { afterAll, beforeAll } from '@jest/globals';
import { type Binding, bindDevice, type Device, openDevice } from '../../lib/index.js';
import { readDevice } from '../../lib/pci.js';
import { nvme, type VmDevice } from '../../vm/devices.js';
import { nvmeDisk, sysfs } from './sysfs.js';

export { driverOf, nvmeDisk, overrideOf, sysfs, until } from './sysfs.js';

/**
 * Binds these to vfio-pci before the tests of this group and gives them back after. What is bound already stays so: an
 * ordinary user finds it bound (harness/guest-user.ts).
 */
export function useBound(...devices: VmDevice[]): void {
  const bindings: Binding[] = [];

  beforeAll(async () => {
    for (const { address } of devices) bindings.push(await bindDevice(address));
  });

  afterAll(async () => {
    for (const binding of bindings.reverse()) await giveBack(binding);
  });
}

/** Binds and opens a device before the tests of this group; closes it and gives it back after. */
export function useDevice(which: VmDevice): Held {
  const held = new Held(which);
  let binding: Binding;

  beforeAll(async () => {
    binding = await bindDevice(which.address);
    await held.reopen();
  });

  afterAll(async () => {
    await held.device.close();
    await giveBack(binding);
  });

  return held;
}

async function giveBack(binding: Binding): Promise<void> {
  await binding.restore();
  const driver = readDevice(binding.address)?.driver;
  if (binding.address === nvme.address && driver === nvme.driver) await nvmeDisk();
}

/** What {@link useDevice} opened. */
export class Held {
  device!: Device;
  readonly #which: VmDevice;

  constructor(which: VmDevice) {
    this.#which = which;
  }

  /** Closes the device, if it is open, and opens it anew. */
  async reopen(): Promise<void> {
    await this.device?.close();
    this.device = await openDevice(this.#which.address);
  }
}

/** The IOMMU group of a device. */
export function groupOf({ address }: VmDevice): number {
  const group = readDevice(address)?.iommuGroup;
  if (group === undefined) throw new Error(`${address} is in no IOMMU group`);
  return group;
}

/** The node of a device's group, `/dev/vfio/N`. */
export function groupNode(device: VmDevice): string {
  return `/dev/vfio/${groupOf(device)}`;
}

/** 16 bits of a device's config space as the kernel sees it, past all that VFIO virtualizes. */
export function realConfig16(device: VmDevice, offset: number): number {
  const fd = openSync(sysfs(device, 'config'), 'r');
  try {
    const bytes = Buffer.alloc(2);
    // Sysfs shows all of it to root, and the first 64 bytes to others.
    if (readSync(fd, bytes, 0, 2, offset) !== 2) throw new Error(`nothing to see at ${offset}`);
    return bytes.readUInt16LE();
  } finally {
    closeSync(fd);
  }
}

/** How many descriptors this process has open. */
export function openDescriptors(): string[] {
  return readdirSync('/proc/self/fd');
}

/** The mappings of devices in this process; what a closed one has left has no name (leak-budget.ts counts all). */
export function deviceMappings(): string[] {
  return readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.includes('vfio'));
}

/** How much memory this process has locked, in bytes. */
export function lockedMemory(): number {
  const kilobytes = /^VmLck:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return Number(kilobytes) * 1024;
}
