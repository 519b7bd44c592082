// SPDX-License-Identifier: MIT
// The ways in which an administrator takes a device away from a process that has it open.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { type Binding, bindDevice } from '../../lib/index.js';
import type { VmDevice } from '../../vm/devices.js';
import { driverOf, sysfs } from './sysfs.js';
import { until } from './until.js';

/** One way to take a device away. The device is bound to vfio-pci. */
export interface Removal {
  readonly how: string;
  /** Resolves when the device is gone, some time after the process closed it. */
  take(device: VmDevice): Promise<void>;
  /** Binds the device to vfio-pci again; returns the binding that replaces `binding`. */
  bringBack(device: VmDevice, binding: Binding): Promise<Binding>;
}

/** Writes in a process of its own, because the write lasts until the device is closed. */
export function writeSlowly(path: string, text: string) {
  return spawn('sh', ['-c', `echo ${text} > ${path}`], { stdio: 'ignore' });
}

/** An administrator unbinds the device from its driver. */
export const unbound: Removal = {
  how: 'unbound',
  async take({ address }) {
    await once(writeSlowly('/sys/bus/pci/drivers/vfio-pci/unbind', address), 'exit');
  },
  async bringBack({ address }, binding) {
    // driver_override still says vfio-pci.
    await writeFile('/sys/bus/pci/drivers_probe', address);
    return binding;
  },
};

/** An administrator removes the device from the system. */
export const removed: Removal = {
  how: 'removed',
  async take(device) {
    await once(writeSlowly(sysfs(device, 'remove'), '1'), 'exit');
    if (existsSync(sysfs(device, 'vendor'))) throw new Error(`${device.address} is still there`);
  },
  async bringBack(device) {
    await writeFile('/sys/bus/pci/rescan', '1');
    return bindNew(device);
  },
};

/** Waits until the kernel's driver has the device, then binds it to vfio-pci. */
async function bindNew(device: VmDevice): Promise<Binding> {
  await until(() => driverOf(device) === device.driver, `${device.driver} has the device`);
  return bindDevice(device.address);
}
