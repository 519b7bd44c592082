// SPDX-License-Identifier: MIT
// Reads the state of a device from sysfs: its driver and its driver_override.
import { readFile } from 'node:fs/promises';
import { refusalError } from '../diagnose/failure.js';
import { continued, VfioError } from '../errors.js';
import { type PciDevice, readDevice } from '../pci.js';
import { isAbsence, lookFailed } from './files.js';
import type { Sysfs } from './machine.js';
import { overridePath } from './steps.js';

/** A device, and the driver that `driver_override` reserves it for; `''` if it names none. */
export interface DeviceState {
  device: PciDevice;
  override: string;
}

/** The device. Throws ENODEV if it does not exist. */
export function mustExist({ root }: Sysfs, address: string): PciDevice {
  const device = readDevice(address, root);
  if (device !== undefined) return device;
  throw refusalError({ finding: 'no-such-device', address });
}

/** The present state of the device. */
export async function stateOf(sysfs: Sysfs, address: string): Promise<DeviceState> {
  const device = mustExist(sysfs, address);
  // Do not read this synchronously. While the kernel unbinds the device, it answers only after the device is closed. If
  // this process has the device open, this thread must be free to close it.
  const override = (await readOverride(sysfs.root + overridePath(address))).trim();
  return { device, override: override === '(null)' ? '' : override };
}

/** Adds the present state of the device to the message of a failure. */
export async function withState(
  sysfs: Sysfs,
  address: string,
  failure: unknown,
  more = '',
): Promise<unknown> {
  if (!(failure instanceof VfioError)) return failure;
  const now = await stateOf(sysfs, address).catch(() => undefined);
  return now === undefined ? failure : continued(failure, describeState(now) + more);
}

function describeState({ device, override }: DeviceState): string {
  const { address, driver } = device;
  const state = driver === undefined ? 'now has no driver' : `is now bound to ${driver}`;
  const reserved = override === '' ? 'empty' : override;
  return `${address} ${state}, and its driver_override is ${reserved}`;
}

async function readOverride(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (failure) {
    if (isAbsence(failure)) return '';
    throw lookFailed(failure);
  }
}
