// SPDX-License-Identifier: MIT
// Reads what sysfs says about devices of the test machine. It also works outside jest.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readDevice } from '../../lib/pci.js';
import { nvme, type VmDevice } from '../../vm/devices.js';
import { until } from './until.js';

/** The kernel driver that a device is bound to. */
export function driverOf({ address }: VmDevice): string | undefined {
  return readDevice(address)?.driver;
}

/** The path of a device's file in sysfs. */
export function sysfs({ address }: VmDevice, name: string): string {
  return `/sys/bus/pci/devices/${address}/${name}`;
}

/** The driver that `driver_override` reserves a device for; `(null)` if it reserves it for none. */
export function overrideOf(device: VmDevice): string {
  return readFileSync(sysfs(device, 'driver_override'), 'utf8').trim();
}

/** The node of the NVMe disk, which appears some time after the kernel's driver has the controller. */
export async function nvmeDisk(): Promise<string> {
  await until(() => nvmeDiskName() !== undefined, 'the NVMe disk appears');
  return `/dev/${nvmeDiskName()}`;
}

/** Finds the disk by the controller's address: the kernel numbers controllers in the order in which they answer. */
function nvmeDiskName(): string | undefined {
  const folder = sysfs(nvme, 'nvme');
  if (!existsSync(folder)) return;
  const [controller] = readdirSync(folder);
  const disk = `${controller}n1`;
  return existsSync(`${folder}/${controller}/${disk}`) && existsSync(`/dev/${disk}`)
    ? disk
    : undefined;
}
