// SPDX-License-Identifier: MIT
// The writes to sysfs that bind a device and give it back, as data and as shell commands.
import { devicePath, type PciDevice } from '../pci.js';

/** A write to a file of sysfs. */
export interface SysfsWrite {
  path: string;
  value: string;
}

/** The writes that unbind a device from its driver, if it has one, and bind it to vfio-pci. */
export function bindSteps(address: string, driver: string | undefined): SysfsWrite[] {
  return [
    overrideStep(address, 'vfio-pci'),
    ...(driver === undefined ? [] : [unbindStep({ address, driver })]),
    probeStep(address),
  ];
}

/** Reserves a device for a driver. '' removes the reservation. */
export function overrideStep(address: string, value: string): SysfsWrite {
  return { path: overridePath(address), value };
}

/** The file in sysfs that reserves a device for one driver. */
export function overridePath(address: string): string {
  return `${devicePath(address)}/driver_override`;
}

/** Unbinds a device from its driver. */
export function unbindStep({ address, driver }: Pick<PciDevice, 'address' | 'driver'>): SysfsWrite {
  return { path: `/sys/bus/pci/drivers/${driver}/unbind`, value: address };
}

/** Binds a device to a driver. */
export function bindStep(address: string, driver: string): SysfsWrite {
  return { path: `/sys/bus/pci/drivers/${driver}/bind`, value: address };
}

/** Makes the kernel choose a driver for a device that has none. */
export function probeStep(address: string): SysfsWrite {
  return { path: '/sys/bus/pci/drivers_probe', value: address };
}

/** Makes the kernel remove a device and then search for devices again. */
export function rescanSteps(address: string): SysfsWrite[] {
  return [
    { path: `${devicePath(address)}/remove`, value: '1' },
    { path: '/sys/bus/pci/rescan', value: '1' },
  ];
}

/** The shell commands for these writes. */
export function toLines(steps: readonly SysfsWrite[]): string[] {
  return steps.map(toLine);
}

/** The shell command for a write. */
export function toLine({ path, value }: SysfsWrite): string {
  const text = value === '' ? 'echo' : `echo ${quote(value)}`;
  return `${text} > ${quote(path)}`;
}

/** Quotes a word for a shell if needed. Names of drivers can contain spaces. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
