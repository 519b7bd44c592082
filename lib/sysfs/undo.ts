// SPDX-License-Identifier: MIT
// Undoes the steps of binding that no other program has changed since. A step is undone only if the device is still as
// that step left it.
import { VfioError } from '../errors.js';
import { isVfioDriver, type PciDevice } from '../pci.js';
import { type DeviceState, stateOf } from './device-state.js';
import type { Sysfs } from './machine.js';
import { bindStep, overrideStep, type SysfsWrite, unbindStep } from './steps.js';
import { write } from './write.js';

/** A device, and the driver and the override that it had before it was bound. */
export interface Before {
  device: PciDevice;
  driver: string | undefined;
  /** '' if it had none. */
  override: string;
}

/** The steps of binding that were done. */
export interface Done {
  override: boolean;
  unbind: boolean;
  probe: boolean;
}

/** All steps: the device was bound. */
export const everything: Done = { override: true, unbind: true, probe: true };

/** A setting that another program has changed. It stays as it is. */
export type Alone = 'driver' | 'driver_override';

/** Undoes steps. Returns the settings that it did not change, because another program had changed them. */
export async function undo(sysfs: Sysfs, before: Before, done: Done): Promise<Alone[]> {
  const now = await stateOfSame(sysfs, before.device);
  const isOurs = done.probe && now.device.driver === 'vfio-pci';
  const override = overrideToLeave(before, done.unbind);
  const overrideAlone = done.override ? await undoOverride(sysfs, override, now, isOurs) : [];
  if (isOurs) await write(sysfs, unbindStep(now.device), before.device.address);
  const driverAlone = await undoUnbind(sysfs, before, done);
  return [...overrideAlone, ...driverAlone];
}

async function undoOverride(
  sysfs: Sysfs,
  before: string,
  { device, override }: DeviceState,
  isOurs: boolean,
): Promise<Alone[]> {
  if (override === before) return [];
  // A program that has bound the device to a VFIO driver now needs the override that this library wrote.
  const isOthers = override !== 'vfio-pci' || (isVfioDriver(device.driver) && !isOurs);
  if (isOthers) return ['driver_override'];
  await write(sysfs, overrideStep(device.address, before), device.address);
  return [];
}

/** The override to leave: the one that the device had, unless that would prevent its driver from binding it again. */
export function overrideToLeave(
  { driver, override }: { driver?: string | null | undefined; override: string },
  isUnbound: boolean,
): string {
  const isInTheWay = isUnbound && typeof driver === 'string' && override !== driver;
  return isInTheWay ? '' : override;
}

async function undoUnbind(sysfs: Sysfs, before: Before, done: Done): Promise<Alone[]> {
  const { address } = before.device;
  const { device } = await stateOfSame(sysfs, before.device);
  const { driver } = device;
  if (driver === before.driver) return [];
  const isOthers = driver === undefined ? !done.unbind : driver !== 'vfio-pci' || !done.probe;
  if (isOthers) return ['driver'];
  if (driver === undefined && before.driver !== undefined) {
    await write(sysfs, bindStep(address, before.driver), address);
  }
  await mustBeBoundTo(before.driver, sysfs, before.device);
  return [];
}

/** The present state of the device. Throws ENODEV if another device is at its address. */
export async function stateOfSame(sysfs: Sysfs, device: PciDevice): Promise<DeviceState> {
  const { address } = device;
  const now = await stateOf(sysfs, address);
  if (isSameDevice(now.device, device)) return now;
  throw new VfioError('ENODEV', `Another device is now at ${address}`, { address });
}

/** Whether the IDs are the same. After a device was replaced, only its IDs can show that. */
export function isSameDevice(one: PciDevice, other: PciDevice): boolean {
  return one.vendorId === other.vendorId && one.deviceId === other.deviceId;
}

/** Throws ERR_VFIO_NOT_BOUND if the device does not have this driver now. */
export async function mustBeBoundTo(
  driver: string | undefined,
  sysfs: Sysfs,
  device: PciDevice,
): Promise<void> {
  const { address } = device;
  const now = (await stateOfSame(sysfs, device)).device.driver;
  if (now === driver) return;
  const message =
    driver === undefined
      ? `${address} is still bound to ${now}`
      : `The driver ${driver} did not accept ${address}`;
  const hint = 'The kernel log (dmesg) says why.';
  throw new VfioError('ERR_VFIO_NOT_BOUND', message, { address, hint });
}

/** The writes that give the device back by hand. */
export function giveBackSteps(before: Before, now: string | undefined): SysfsWrite[] {
  const { driver } = before;
  const { address } = before.device;
  return [
    overrideStep(address, overrideToLeave(before, true)),
    ...(now === undefined ? [] : [unbindStep({ address, driver: now })]),
    ...(driver === undefined ? [] : [bindStep(address, driver)]),
  ];
}
