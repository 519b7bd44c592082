// SPDX-License-Identifier: MIT
// Giving back a device that a process took from its driver and left with vfio-pci.
import type { BindOptions } from './bind.js';
import { mustBeLinux } from './internal/platform.js';
import { boolean, options as checkOptions } from './internal/validate.js';
import { isVfioDriver, parseAddress } from './pci.js';
import { forget, type Remembered, recall } from './sysfs/bindings.js';
import { inTurn, machine, type Sysfs } from './sysfs/machine.js';
import { look, type Standing, standingOf, stating } from './sysfs/standing.js';
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

/** What {@link releaseDevice} did. */
export interface Released {
  /** The device's full PCI address. */
  readonly address: string;
  /** The driver that has the device now; in a dry run, the one that has it still. */
  readonly driver: string | undefined;
  /** What was done, or would be, as lines for a root shell; empty when there was nothing to do. */
  readonly steps: readonly string[];
}

/**
 * Gives a device back that `bindDevice` left with vfio-pci, for a process that was interrupted: to the driver and the
 * driver_override it had, as /run/vfio/bindings.json remembers. Where nothing is remembered, it clears
 * driver_override and lets the kernel choose a driver. A device that another driver has keeps it, and loses only a
 * driver_override that names a VFIO driver. Needs root. Waits until the device is closed, whichever process has it
 * open. Rejects with `ERR_VFIO_PLATFORM` on other systems than Linux.
 */
export async function releaseDevice(address: string, options: BindOptions = {}): Promise<Released> {
  const full = parseAddress(address);
  const { dryRun = false } = checkOptions('releaseDevice', options, ['dryRun']);
  boolean('dryRun', dryRun);
  mustBeLinux();
  return releaseAt(machine, full, dryRun);
}

/** {@link releaseDevice} on any sysfs. */
export async function releaseAt(sysfs: Sysfs, address: string, dryRun: boolean): Promise<Released> {
  look(sysfs, address);
  if (dryRun) return releaseNow(sysfs, address, true);
  const refusal = await writeRefusal(sysfs, overrideStep(address, ''), address);
  if (refusal !== undefined) throw refusal;
  return inTurn(sysfs, address, () => releaseNow(sysfs, address, false));
}

async function releaseNow(sysfs: Sysfs, address: string, dryRun: boolean): Promise<Released> {
  const now = await standingOf(sysfs, address);
  const remembered = recall(sysfs, now.device);
  const steps = releaseSteps(now, remembered);
  if (!dryRun) {
    await release(sysfs, now, steps, remembered);
    await forget(sysfs, address);
  }
  return { address, driver: look(sysfs, address).driver, steps: toLines(steps) };
}

async function release(
  sysfs: Sysfs,
  { device }: Standing,
  steps: readonly SysfsWrite[],
  remembered: Remembered | undefined,
): Promise<void> {
  const { address } = device;
  try {
    for (const step of steps) await write(sysfs, step, address);
    // Without a driver or with that of VFIO, it was to be given to what is remembered.
    const isKept = device.driver !== undefined && !isVfioDriver(device.driver);
    if (remembered === undefined || isKept) return;
    await mustBeBoundTo(remembered.driver ?? undefined, sysfs, device);
  } catch (failure) {
    throw await stating(sysfs, address, failure);
  }
}

function releaseSteps({ device, override }: Standing, remembered?: Remembered): SysfsWrite[] {
  const { address, driver } = device;
  const isKept = driver !== undefined && !isVfioDriver(driver);
  const target = remembered === undefined ? '' : overrideToLeave(remembered, !isKept);
  const isTaken = isVfioDriver(driver) || isVfioDriver(override);
  const clear = isTaken && override !== target ? [overrideStep(address, target)] : [];
  if (isKept) return clear;
  const unbind = driver === undefined ? [] : [unbindStep(device)];
  return [...clear, ...unbind, ...attachSteps(address, remembered)];
}

/** Gives a device without a driver to the one that is remembered, or to whichever the kernel chooses. */
function attachSteps(address: string, remembered: Remembered | undefined): SysfsWrite[] {
  if (remembered === undefined) return [probeStep(address)];
  return remembered.driver === null ? [] : [bindStep(address, remembered.driver)];
}
