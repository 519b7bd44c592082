// SPDX-License-Identifier: MIT
// Giving a device back: each step of binding is undone only where the device still stands as that step left it. What
// another program changed in between is its own.
import { VfioError } from '../errors.js';
import { isVfioDriver, type PciDevice } from '../pci.js';
import type { Sysfs } from './machine.js';
import { type Standing, standingOf } from './standing.js';
import { bindStep, overrideStep, type SysfsWrite, unbindStep } from './steps.js';
import { write } from './write.js';

/** The device, and what it is given back to. */
export interface Before {
  device: PciDevice;
  driver: string | undefined;
  /** '' for none. */
  override: string;
}

/** Which steps of binding were done. */
export interface Done {
  override: boolean;
  unbind: boolean;
  probe: boolean;
}

/** All of them: it was bound. */
export const everything: Done = { override: true, unbind: true, probe: true };

/** What another program changed, so that it is left alone. */
export type Alone = 'driver' | 'driver_override';

/** Undoes steps, and says what it left alone. */
export async function undo(sysfs: Sysfs, before: Before, done: Done): Promise<Alone[]> {
  const now = await standingAgain(sysfs, before.device);
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
  { device, override }: Standing,
  isOurs: boolean,
): Promise<Alone[]> {
  if (override === before) return [];
  // Who bound it to a VFIO driver needs the override that we wrote too.
  const isOthers = override !== 'vfio-pci' || (isVfioDriver(device.driver) && !isOurs);
  if (isOthers) return ['driver_override'];
  await write(sysfs, overrideStep(device.address, before), device.address);
  return [];
}

/** The override a device had, but for one that would keep its driver from taking it back. */
export function overrideToLeave(
  { driver, override }: { driver?: string | null | undefined; override: string },
  isUnbound: boolean,
): string {
  const isInTheWay = isUnbound && typeof driver === 'string' && override !== driver;
  return isInTheWay ? '' : override;
}

async function undoUnbind(sysfs: Sysfs, before: Before, done: Done): Promise<Alone[]> {
  const { address } = before.device;
  const { device } = await standingAgain(sysfs, before.device);
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

/** How it stands now, unless another device is at its address. */
export async function standingAgain(sysfs: Sysfs, device: PciDevice): Promise<Standing> {
  const { address } = device;
  const now = await standingOf(sysfs, address);
  if (isSameDevice(now.device, device)) return now;
  throw new VfioError('ENODEV', `Another device is at ${address} now`, { address });
}

/** Whether these are the same kind of device: what can be told of one that was plugged. */
export function isSameDevice(one: PciDevice, other: PciDevice): boolean {
  return one.vendorId === other.vendorId && one.deviceId === other.deviceId;
}

/** Throws ERR_VFIO_NOT_BOUND when the kernel did not do as it was told. */
export async function mustBeBoundTo(
  driver: string | undefined,
  sysfs: Sysfs,
  device: PciDevice,
): Promise<void> {
  const { address } = device;
  const now = (await standingAgain(sysfs, device)).device.driver;
  if (now === driver) return;
  const refusal = driver === undefined ? `${now} keeps` : `${driver} did not take`;
  const hint = 'The kernel log (dmesg) says why.';
  throw new VfioError('ERR_VFIO_NOT_BOUND', `${refusal} ${address}`, { address, hint });
}

/** What a shell does to give it back. */
export function giveBackSteps(before: Before, now: string | undefined): SysfsWrite[] {
  const { driver } = before;
  const { address } = before.device;
  return [
    overrideStep(address, overrideToLeave(before, true)),
    ...(now === undefined ? [] : [unbindStep({ address, driver: now })]),
    ...(driver === undefined ? [] : [bindStep(address, driver)]),
  ];
}
