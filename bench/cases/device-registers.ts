// SPDX-License-Identifier: MIT
// Registers of a real device that is bound to vfio-pci. The twins map the same BAR through sysfs.
import type { Device } from 'vfio';
import { bench } from '../native.js';
import type { Place, Registers } from './registers.js';

/** The registers in BAR 0 of a device. */
export function deviceRegisters(device: Device, places: readonly Place[]): Registers {
  const region = device.bar(0);
  const address = bench.map(`/sys/bus/pci/devices/${device.address}/resource0`, region.byteLength);
  if (address === 0) throw new Error(`cannot map BAR 0 of ${device.address} through sysfs`);
  return { region, address, places, [Symbol.asyncDispose]: () => device.close() };
}
