// SPDX-License-Identifier: MIT
// The ways to take a device from a process that has it open.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { type Binding, bindDevice } from '../../lib/index.js';
import type { VmDevice } from '../../vm/devices.js';
import { driverOf, sysfs } from './sysfs.js';
import { until } from './until.js';

/** One of them. The device is in the hands of vfio-pci. */
export interface Removal {
  readonly how: string;
  /** Resolves when it is gone, which is some time after it was closed. */
  take(device: VmDevice): Promise<void>;
  /** Brings it back to vfio-pci; gives what `binding` has become. */
  bringBack(device: VmDevice, binding: Binding): Promise<Binding>;
}

/** A write that lasts as long as the process that has the device: in one that can be waited for. */
export function writeSlowly(path: string, text: string) {
  return spawn('sh', ['-c', `echo ${text} > ${path}`], { stdio: 'ignore' });
}

/** By an administrator, from its driver. */
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

/** By an administrator, from the system. */
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

/** The kernel's driver has to have it before it can be taken from it. */
async function bindNew(device: VmDevice): Promise<Binding> {
  await until(() => driverOf(device) === device.driver, 'the kernel has it');
  return bindDevice(device.address);
}
