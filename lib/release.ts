// SPDX-License-Identifier: MIT
// releaseDevice: gives back a device that a process took from its driver and left bound to vfio-pci.
import type { BindOptions } from './bind.js';
import { mustBeLinux } from './internal/platform.js';
import { boolean, options as checkOptions } from './internal/validate.js';
import { isVfioDriver, parseAddress } from './pci.js';
import { forget, type Remembered, recall } from './sysfs/bindings.js';
import { type DeviceState, mustExist, stateOf, withState } from './sysfs/device-state.js';
import { inTurn, machine, type Sysfs } from './sysfs/machine.js';
import {
  bindStep,
  overrideStep,
  probeStep,
  type SysfsWrite,
  toLines,
  unbindStep,
} from './sysfs/steps.js';
import { mustBeBoundTo, overrideToLeave } from './sysfs/undo.js';
import { write, writeRefusal } from './sysfs/write.js';

/** The result of {@link releaseDevice}. */
export interface Released {
  /** The full PCI address of the device, like `0000:01:00.0`. */
  readonly address: string;
  /**
   * The driver that the device is bound to now; undefined if there is none. In a dry run, the driver before
   * any step.
   */
  readonly driver: string | undefined;
  /**
   * The steps that were done, or that a dry run would do, as lines for a root shell. Empty if there was
   * nothing to do.
   */
  readonly steps: readonly string[];
}

/**
 * Gives back a device that {@link bindDevice} left bound to vfio-pci, because its process was interrupted.
 * Needs root. `address` is like `0000:01:00.0` or `01:00.0`.
 *
 * The device returns to the driver and the `driver_override` that it had before, as /run/vfio/bindings.json
 * records them. Without a record, releaseDevice clears `driver_override` and lets the kernel choose a driver.
 * If the device is bound to a driver that is not a VFIO driver, it keeps that driver, and loses only a
 * `driver_override` that names a VFIO driver.
 *
 * It waits until the device is closed, whichever process has it open.
 *
 * Rejects:
 *
 * - with a TypeError `ERR_VFIO_ADDRESS` if `address` is not a PCI address;
 * - with `ENODEV` if there is no such device;
 * - with `EACCES` if the process is not root (not in a dry run);
 * - with `ERR_VFIO_BUSY` if the library could not lock the device within 30 seconds;
 * - with `ERR_VFIO_NOT_BOUND` if the recorded driver did not accept the device;
 * - with `ERR_VFIO_PLATFORM` if the system is not Linux.
 */
export async function releaseDevice(address: string, options: BindOptions = {}): Promise<Released> {
  const full = parseAddress(address);
  const { dryRun = false } = checkOptions('releaseDevice', options, ['dryRun']);
  boolean('dryRun', dryRun);
  mustBeLinux();
  return releaseAt(machine, full, dryRun);
}

/** {@link releaseDevice} on any sysfs, for tests. */
export async function releaseAt(sysfs: Sysfs, address: string, dryRun: boolean): Promise<Released> {
  mustExist(sysfs, address);
  if (dryRun) return releaseNow(sysfs, address, true);
  const refusal = await writeRefusal(sysfs, overrideStep(address, ''), address);
  if (refusal !== undefined) throw refusal;
  return inTurn(sysfs, address, () => releaseNow(sysfs, address, false));
}

async function releaseNow(sysfs: Sysfs, address: string, dryRun: boolean): Promise<Released> {
  const now = await stateOf(sysfs, address);
  const remembered = recall(sysfs, now.device);
  const steps = releaseSteps(now, remembered);
  if (!dryRun) {
    await release(sysfs, now, steps, remembered);
    await forget(sysfs, address);
  }
  return { address, driver: mustExist(sysfs, address).driver, steps: toLines(steps) };
}

async function release(
  sysfs: Sysfs,
  { device }: DeviceState,
  steps: readonly SysfsWrite[],
  remembered: Remembered | undefined,
): Promise<void> {
  const { address } = device;
  try {
    for (const step of steps) await write(sysfs, step, address);
    // Only a device without a driver, or with a VFIO driver, was given to the recorded driver.
    const isKept = device.driver !== undefined && !isVfioDriver(device.driver);
    if (remembered === undefined || isKept) return;
    await mustBeBoundTo(remembered.driver ?? undefined, sysfs, device);
  } catch (failure) {
    throw await withState(sysfs, address, failure);
  }
}

function releaseSteps({ device, override }: DeviceState, remembered?: Remembered): SysfsWrite[] {
  const { address, driver } = device;
  const isKept = driver !== undefined && !isVfioDriver(driver);
  const target = remembered === undefined ? '' : overrideToLeave(remembered, !isKept);
  const isTaken = isVfioDriver(driver) || isVfioDriver(override);
  const clear = isTaken && override !== target ? [overrideStep(address, target)] : [];
  if (isKept) return clear;
  const unbind = driver === undefined ? [] : [unbindStep(device)];
  return [...clear, ...unbind, ...attachSteps(address, remembered)];
}

/**
 * Steps that bind a device without a driver: to the recorded driver, or to the one that the kernel chooses.
 */
function attachSteps(address: string, remembered: Remembered | undefined): SysfsWrite[] {
  if (remembered === undefined) return [probeStep(address)];
  return remembered.driver === null ? [] : [bindStep(address, remembered.driver)];
}
