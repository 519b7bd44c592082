// SPDX-License-Identifier: MIT
// The writes to sysfs that bind a device and give it back, as data and as lines for a shell.
import { devicePath, type PciDevice } from '../pci.js';

/** A write to a file of sysfs. */
export interface SysfsWrite {
  path: string;
  value: string;
}

/** The writes that bind a device to vfio-pci, away from the driver that has it. */
export function bindSteps(address: string, driver: string | undefined): SysfsWrite[] {
  return [
    overrideStep(address, 'vfio-pci'),
    ...(driver === undefined ? [] : [unbindStep({ address, driver })]),
    probeStep(address),
  ];
}

/** Reserves a device for a driver; for none with ''. */
export function overrideStep(address: string, value: string): SysfsWrite {
  return { path: overridePath(address), value };
}

/** The file of sysfs that reserves a device for one driver. */
export function overridePath(address: string): string {
  return `${devicePath(address)}/driver_override`;
}

/** Takes a device from its driver. */
export function unbindStep({ address, driver }: Pick<PciDevice, 'address' | 'driver'>): SysfsWrite {
  return { path: `/sys/bus/pci/drivers/${driver}/unbind`, value: address };
}

/** Gives a device to a driver. */
export function bindStep(address: string, driver: string): SysfsWrite {
  return { path: `/sys/bus/pci/drivers/${driver}/bind`, value: address };
}

/** Lets the kernel choose a driver for a device that has none. */
export function probeStep(address: string): SysfsWrite {
  return { path: '/sys/bus/pci/drivers_probe', value: address };
}

/** Makes the kernel forget a device, then look for devices again. */
export function rescanSteps(address: string): SysfsWrite[] {
  return [
    { path: `${devicePath(address)}/remove`, value: '1' },
    { path: '/sys/bus/pci/rescan', value: '1' },
  ];
}

/** The lines a shell does these writes with. */
export function toLines(steps: readonly SysfsWrite[]): string[] {
  return steps.map(toLine);
}

/** The line a shell does the write with. */
export function toLine({ path, value }: SysfsWrite): string {
  const text = value === '' ? 'echo' : `echo ${quote(value)}`;
  return `${text} > ${quote(path)}`;
}

/** A word of a shell: names of drivers may have spaces. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
