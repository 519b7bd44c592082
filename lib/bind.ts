// SPDX-License-Identifier: MIT
// bindDevice: takes a device from its kernel driver, binds it to vfio-pci, and restores the binding. It uses
// driver_override, which names this one device. Writing the device's IDs to new_id would bind every device of
// that kind.
import { mustBeBindable, mustBeUnused } from './diagnose/bindable.js';
import { VfioError } from './errors.js';
import { mustBeLinux } from './internal/platform.js';
import { warn } from './internal/report.js';
import { boolean, options as checkOptions } from './internal/validate.js';
import { isVfioDriver, parseAddress, readDevice } from './pci.js';
import { forget, isAlive, type Remembered, recall, remember } from './sysfs/bindings.js';
import { type DeviceState, mustExist, stateOf, withState } from './sysfs/device-state.js';
import { inTurn, machine, type Sysfs } from './sysfs/machine.js';
import { bindSteps, overrideStep, type SysfsWrite, toLines } from './sysfs/steps.js';
import {
  type Alone,
  type Before,
  type Done,
  everything,
  giveBackSteps,
  isSameDevice,
  mustBeBoundTo,
  stateOfSame,
  undo,
} from './sysfs/undo.js';
import { write, writeRefusal } from './sysfs/write.js';

/** The options of {@link bindDevice} and {@link releaseDevice}. */
export interface BindOptions {
  /** If true, the call checks everything and returns the steps, but writes nothing. Default false. */
  dryRun?: boolean | undefined;
}

/**
 * A device that {@link bindDevice} bound to vfio-pci. Use it with `await using`: the end of the scope
 * restores the previous driver.
 */
export interface Binding extends AsyncDisposable {
  /** The full PCI address of the device, like `0000:01:00.0`. */
  readonly address: string;
  /**
   * The driver that the device had before; undefined if it had none. For a device that was {@link leftOver},
   * this is the driver from before the interrupted binding.
   */
  readonly previousDriver: string | undefined;
  /**
   * The steps that were done, or that a dry run would do, as lines for a root shell. Empty if the device was
   * bound to a VFIO driver already.
   */
  readonly steps: readonly string[];
  /**
   * Whether the device was left over. A process that has ended bound it and did not restore it, or binding or
   * restoring stopped halfway, in any process. {@link restore} then gives the device to its previous driver.
   */
  readonly leftOver: boolean;
  /**
   * Gives the device back to its previous driver, and restores its `driver_override`. Close the device first:
   * the kernel waits until it is closed. Needs root.
   *
   * It does nothing if the device was bound to a VFIO driver already and was not {@link leftOver}. Whatever
   * bound the device must then restore it. If another program changed `driver_override`, restore() leaves it
   * as it is and emits a process warning.
   *
   * Rejects:
   *
   * - with `ERR_VFIO_BUSY` if the device now belongs to another program, or to another binding of this
   *   process; or if the library could not lock the device within 30 seconds;
   * - with `ERR_VFIO_NOT_BOUND` if the previous driver does not accept the device;
   * - with `ENODEV` if the device is gone, or another device is at its address.
   *
   * A second call returns the same promise. After a failure, you can call it again.
   */
  restore(): Promise<void>;
}

/**
 * Binds a device to vfio-pci through its `driver_override`. Needs root, and the kernel module vfio-pci must
 * be loaded. `address` is like `0000:01:00.0` or `01:00.0`. A device that is bound to a VFIO driver already
 * stays as it is, and needs no root.
 *
 * Processes and threads that use this library take turns at a device. The library checks the result. If a
 * step fails, it undoes its own steps, and the message says which driver the device has now.
 *
 * Rejects before it changes anything, also in a dry run:
 *
 * - with a TypeError `ERR_VFIO_ADDRESS` if `address` is not a PCI address;
 * - with `ENODEV` if there is no such device;
 * - with `ERR_VFIO_BUSY` if the machine uses the device: one of its disks is mounted, used as swap space,
 *   claimed, or held by dm, md or a loop device; a process has its disk, tape or controller open; it has the
 *   default route; or it is a physical function with virtual functions;
 * - with `ERR_VFIO_UNSUPPORTED` if vfio-pci is not loaded, or does not accept the device: a bridge, or a
 *   device on its denylist;
 * - with `ERR_VFIO_NO_IOMMU` if no IOMMU isolates the device;
 * - with `ERR_VFIO_PLATFORM` if the system is not Linux.
 *
 * Without `dryRun`, it also rejects:
 *
 * - with `EACCES` if the process is not root;
 * - with `ERR_VFIO_BUSY` if the library could not lock the device within 30 seconds, or another program
 *   changed the device at the same time;
 * - with `ERR_VFIO_NOT_BOUND` if vfio-pci did not accept the device.
 */
export async function bindDevice(address: string, options: BindOptions = {}): Promise<Binding> {
  const full = parseAddress(address);
  const { dryRun = false } = checkOptions('bindDevice', options, ['dryRun']);
  boolean('dryRun', dryRun);
  mustBeLinux();
  return bindAt(machine, full, dryRun);
}

/** {@link bindDevice} on any sysfs, for tests. */
export async function bindAt(sysfs: Sysfs, address: string, dryRun: boolean): Promise<Binding> {
  const { driver } = mustExist(sysfs, address);
  if (dryRun) return bindNow(sysfs, address, true);
  const refusal = await writeRefusal(sysfs, overrideStep(address, 'vfio-pci'), address);
  if (refusal === undefined) return inTurn(sysfs, address, () => bindNow(sysfs, address, false));
  if (!isVfioDriver(driver)) throw refusal;
  return makeBinding({ address, previousDriver: driver, steps: [], leftOver: false }, nothing);
}

async function bindNow(sysfs: Sysfs, address: string, dryRun: boolean): Promise<Binding> {
  const now = await stateOf(sysfs, address);
  const left = findLeftOver(sysfs, now);
  const before = beforeOf(now, left);
  const isBound = isVfioDriver(now.device.driver);
  const steps = isBound ? [] : await stepsToBind(sysfs, now);
  const facts = {
    address,
    previousDriver: before.driver,
    steps: toLines(steps),
    leftOver: left !== undefined,
  };
  if (dryRun || (isBound && left === undefined)) return makeBinding(facts, nothing);
  const id = await remember(sysfs, now.device, before);
  if (!isBound) await takeOver(sysfs, now, before, steps, facts.leftOver);
  return makeBinding(facts, () => inTurn(sysfs, address, () => restore(sysfs, before, id)));
}

async function nothing(): Promise<void> {}

function makeBinding(
  facts: Pick<Binding, 'address' | 'previousDriver' | 'steps' | 'leftOver'>,
  giveBack: () => Promise<void>,
): Binding {
  let restoring: Promise<void> | undefined;
  const restore = () => {
    restoring ??= giveBack().catch((failure: unknown) => {
      restoring = undefined;
      throw failure;
    });
    return restoring;
  };
  return { ...facts, restore, [Symbol.asyncDispose]: restore };
}

/**
 * The record of a device that was bound, or half bound, and not restored. This thread holds the lock of the
 * device (except in a dry run), so no other thread is working on it. A half-done binding therefore stays half
 * done, whether or not the process that began it is still alive.
 */
function findLeftOver(sysfs: Sysfs, { device, override }: DeviceState): Remembered | undefined {
  const remembered = recall(sysfs, device);
  if (remembered === undefined) return undefined;
  const { driver } = device;
  if (driver === 'vfio-pci') return isAlive(remembered, sysfs.root) ? undefined : remembered;
  const isAsBefore = driver === (remembered.driver ?? undefined);
  const isHalfBound = override === 'vfio-pci' && (driver === undefined || isAsBefore);
  const isHalfGivenBack = driver === undefined && !isAsBefore;
  return isHalfBound || isHalfGivenBack ? remembered : undefined;
}

function beforeOf({ device, override }: DeviceState, left: Remembered | undefined): Before {
  if (left === undefined) return { device, driver: device.driver, override };
  return { device, driver: left.driver ?? undefined, override: left.override };
}

/** Throws if the device cannot be bound or must not be bound. */
async function stepsToBind({ root }: Sysfs, { device }: DeviceState): Promise<SysfsWrite[]> {
  await mustBeBindable(device, root);
  return bindSteps(device.address, device.driver);
}

async function takeOver(
  sysfs: Sysfs,
  found: DeviceState,
  before: Before,
  steps: readonly SysfsWrite[],
  isBegun: boolean,
): Promise<void> {
  const { address, driver } = found.device;
  const [override, ...rest] = steps as [SysfsWrite, ...SysfsWrite[]];
  const done: Done = { override: isBegun, unbind: driver === undefined, probe: false };
  try {
    await write(sysfs, override, address);
    done.override = true;
    await mustBeUnchanged(sysfs, found);
    await mustBeUnused(found.device, sysfs.root);
    for (const step of rest) {
      await write(sysfs, step, address);
      done.unbind = true;
      done.probe = step === rest.at(-1);
    }
    await mustBeBoundTo('vfio-pci', sysfs, found.device);
  } catch (failure) {
    throw await rollBack(sysfs, before, done, failure);
  }
}

async function mustBeUnchanged(sysfs: Sysfs, { device }: DeviceState): Promise<void> {
  const now = await stateOfSame(sysfs, device);
  if (now.device.driver === device.driver && now.override === 'vfio-pci') return;
  const { address } = device;
  const message = `Another program changed ${address} while the library was binding it`;
  throw new VfioError('ERR_VFIO_BUSY', message, { address });
}

/**
 * Undoes the steps that were done. Returns the failure, with a message that also says which driver the device
 * has now.
 */
async function rollBack(
  sysfs: Sysfs,
  before: Before,
  done: Done,
  failure: unknown,
): Promise<unknown> {
  const { address } = before.device;
  try {
    const device = readDevice(address, sysfs.root);
    // The device is gone, and the changes with it.
    const isGone = device === undefined || !isSameDevice(device, before.device);
    const alone = isGone ? [] : await undo(sysfs, before, done);
    await forget(sysfs, address);
    if (isGone) return failure;
    return withState(sysfs, address, failure, alone.length === 0 ? '' : `. ${leftAlone(alone)}`);
  } catch (second) {
    return notUndone(sysfs, before, failure, second as Error);
  }
}

function leftAlone(what: readonly Alone[]): string {
  const pronoun = what.length === 1 ? 'it' : 'them';
  return `Another program changed its ${what.join(' and its ')}, so the library left ${pronoun} unchanged`;
}

async function notUndone(
  sysfs: Sysfs,
  before: Before,
  failure: unknown,
  second: Error,
): Promise<unknown> {
  const { address } = before.device;
  const isBound = readDevice(address, sysfs.root)?.driver === 'vfio-pci';
  const commands = toLines(giveBackSteps(before, isBound ? 'vfio-pci' : undefined));
  const hint = [`Call releaseDevice('${address}'), or as root:`, ...commands].join('\n  ');
  const reason = second.message.split('\n')[0];
  const message = `${address} could not be bound, and undoing the steps failed too: ${reason}`;
  const { code } = failure as VfioError;
  return withState(sysfs, address, new VfioError(code, message, { address, hint }, failure));
}

async function restore(sysfs: Sysfs, before: Before, id: string): Promise<void> {
  const { address } = before.device;
  mustBeOurs(sysfs, before, id, await stateOfSame(sysfs, before.device));
  const alone = await undo(sysfs, before, everything).catch(async (failure: unknown) => {
    throw await withState(sysfs, address, failure);
  });
  if (alone.length > 0) warn(`Restoring ${address}`, { message: leftAlone(alone) });
  await forget(sysfs, address);
}

/** Throws if the device now belongs to another program or to another binding. */
function mustBeOurs(sysfs: Sysfs, before: Before, id: string, { device }: DeviceState): void {
  const { address, driver } = device;
  if (driver === undefined || driver === before.driver) return;
  const other = recall(sysfs, device);
  const isOthers = other !== undefined && other.id !== id && isAlive(other, sysfs.root);
  if (driver === 'vfio-pci' && !isOthers) return;
  const owner = nameOwner(isOthers ? other.pid : undefined);
  const message = `${address} was not restored: ${owner} has bound it to ${driver}`;
  throw new VfioError('ERR_VFIO_BUSY', message, { address });
}

function nameOwner(pid: number | undefined): string {
  if (pid === undefined) return 'another program';
  return pid === process.pid ? `another binding of this process (${pid})` : `process ${pid}`;
}
