// SPDX-License-Identifier: MIT
// How a device stands in sysfs.
import { readFile } from 'node:fs/promises';
import { refusalError } from '../diagnose/failure.js';
import { continued, VfioError } from '../errors.js';
import { type PciDevice, readDevice } from '../pci.js';
import { isAbsence, lookFailed } from './files.js';
import type { Sysfs } from './machine.js';
import { overridePath } from './steps.js';

/** A device, and the driver that `driver_override` reserves it for; `''` for none. */
export interface Standing {
  device: PciDevice;
  override: string;
}

/** The device; ENODEV when there is none. */
export function look({ root }: Sysfs, address: string): PciDevice {
  const device = readDevice(address, root);
  if (device !== undefined) return device;
  throw refusalError({ finding: 'no-such-device', address });
}

/** How the device stands now. */
export async function standingOf(sysfs: Sysfs, address: string): Promise<Standing> {
  const device = look(sysfs, address);
  // Never synchronously: the kernel answers only when it is done unbinding the device, and while this
  // process has it open that is when this thread has closed it.
  const override = (await readOverride(sysfs.root + overridePath(address))).trim();
  return { device, override: override === '(null)' ? '' : override };
}

/** A failure with how the device stands now. */
export async function stating(
  sysfs: Sysfs,
  address: string,
  failure: unknown,
  more = '',
): Promise<unknown> {
  if (!(failure instanceof VfioError)) return failure;
  const now = await standingOf(sysfs, address).catch(() => undefined);
  return now === undefined ? failure : continued(failure, describeStanding(now) + more);
}

function describeStanding({ device, override }: Standing): string {
  const driver = device.driver ?? 'no driver';
  const reserved = override === '' ? 'empty' : override;
  return `${device.address} is bound to ${driver} now, and its driver_override is ${reserved}`;
}

async function readOverride(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (failure) {
    if (isAbsence(failure)) return '';
    throw lookFailed(failure);
  }
}
