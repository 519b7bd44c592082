// SPDX-License-Identifier: MIT
// Handing a device over to vfio-pci, and back. By driver_override, which names this one device;
// writing its IDs to new_id would take every device of its kind.
import { mustBeBindable, mustBeUnused } from './diagnose/bindable.js';
import { VfioError } from './errors.js';
import { mustBeLinux } from './internal/platform.js';
import { warn } from './internal/report.js';
import { boolean, options as checkOptions } from './internal/validate.js';
import { isVfioDriver, parseAddress, readDevice } from './pci.js';
import { forget, isAlive, type Remembered, recall, remember } from './sysfs/bindings.js';
import { inTurn, machine, type Sysfs } from './sysfs/machine.js';
import { look, type Standing, standingOf, stating } from './sysfs/standing.js';
import { bindSteps, overrideStep, type SysfsWrite, toLines } from './sysfs/steps.js';
import {
  type Alone,
  type Before,
  type Done,
  everything,
  giveBackSteps,
  isSameDevice,
  mustBeBoundTo,
  standingAgain,
  undo,
} from './sysfs/undo.js';
import { write, writeRefusal } from './sysfs/write.js';

/** How {@link bindDevice} binds, and {@link releaseDevice} gives back. */
export interface BindOptions {
  /** Only says what it would do; nothing is written. */
  dryRun?: boolean | undefined;
}

/** A device in the hands of vfio-pci. */
export interface Binding extends AsyncDisposable {
  /** The device's full PCI address. */
  readonly address: string;
  /** The driver it had. Of a device that was left over: the driver it had before that. */
  readonly previousDriver: string | undefined;
  /** What was done, or would be, as lines for a root shell; empty when it was bound already. */
  readonly steps: readonly string[];
  /**
   * Whether the device was found left over: a process that has ended bound it and did not give it back, or a binding or
   * a give-back ended halfway, in any process. `restore()` then gives it back.
   */
  readonly leftOver: boolean;
  /**
   * Gives the device back to the driver it had. Close it first: the kernel waits for that. Does nothing when the
   * device was bound already, and not left over: whoever bound it gives it back. Rejects with `ERR_VFIO_BUSY` when
   * another program, or another binding of this process, has it now. Warns when another program changed its
   * driver_override, which then stays as it is. Restoring twice gives the same promise; after a failure it can be
   * tried again.
   */
  restore(): Promise<void>;
}

/**
 * Binds a device to vfio-pci by driver_override. Needs root, and the module vfio-pci loaded. Processes and threads of
 * this library take turns at a device. Checks the outcome, and undoes its own steps when one fails; the message says
 * how the device stands after that.
 *
 * Refuses before anything is changed, also in a dry run: with `ERR_VFIO_BUSY` a device with a disk in use (mounted,
 * swap space, held by dm, md or a loop device, or claimed), one whose disk, tape or controller a process has open, one
 * that carries the default route, and one with virtual functions; with `ERR_VFIO_UNSUPPORTED` a bridge, and what is on
 * vfio-pci's denylist; with `ERR_VFIO_NO_IOMMU` a device that no IOMMU isolates. `ERR_VFIO_BUSY` too when it was not
 * its turn within 30 s, and `ERR_VFIO_PLATFORM` on other systems than Linux.
 */
export async function bindDevice(address: string, options: BindOptions = {}): Promise<Binding> {
  const full = parseAddress(address);
  const { dryRun = false } = checkOptions('bindDevice', options, ['dryRun']);
  boolean('dryRun', dryRun);
  mustBeLinux();
  return bindAt(machine, full, dryRun);
}

/** {@link bindDevice} on any sysfs. */
export async function bindAt(sysfs: Sysfs, address: string, dryRun: boolean): Promise<Binding> {
  const { driver } = look(sysfs, address);
  if (dryRun) return bindNow(sysfs, address, true);
  const refusal = await writeRefusal(sysfs, overrideStep(address, 'vfio-pci'), address);
  if (refusal === undefined) return inTurn(sysfs, address, () => bindNow(sysfs, address, false));
  if (!isVfioDriver(driver)) throw refusal;
  return makeBinding({ address, previousDriver: driver, steps: [], leftOver: false }, nothing);
}

async function bindNow(sysfs: Sysfs, address: string, dryRun: boolean): Promise<Binding> {
  const now = await standingOf(sysfs, address);
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
 * What is remembered of a device that was bound, or half bound, and not given back. This thread holds the lock of the
 * device (but in a dry run), so nobody is at work on it: what is half done stays so, whether or not its process lives.
 */
function findLeftOver(sysfs: Sysfs, { device, override }: Standing): Remembered | undefined {
  const remembered = recall(sysfs, device);
  if (remembered === undefined) return undefined;
  const { driver } = device;
  if (driver === 'vfio-pci') return isAlive(remembered, sysfs.root) ? undefined : remembered;
  const isAsBefore = driver === (remembered.driver ?? undefined);
  const isHalfBound = override === 'vfio-pci' && (driver === undefined || isAsBefore);
  const isHalfGivenBack = driver === undefined && !isAsBefore;
  return isHalfBound || isHalfGivenBack ? remembered : undefined;
}

function beforeOf({ device, override }: Standing, left: Remembered | undefined): Before {
  if (left === undefined) return { device, driver: device.driver, override };
  return { device, driver: left.driver ?? undefined, override: left.override };
}

/** Throws when the device cannot be bound, or must not. */
async function stepsToBind({ root }: Sysfs, { device }: Standing): Promise<SysfsWrite[]> {
  await mustBeBindable(device, root);
  return bindSteps(device.address, device.driver);
}

async function takeOver(
  sysfs: Sysfs,
  found: Standing,
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

async function mustBeUnchanged(sysfs: Sysfs, { device }: Standing): Promise<void> {
  const now = await standingAgain(sysfs, device);
  if (now.device.driver === device.driver && now.override === 'vfio-pci') return;
  const { address } = device;
  const message = `Another program has changed ${address} at the same time`;
  throw new VfioError('ERR_VFIO_BUSY', message, { address });
}

/** Undoes what was done, and gives the failure with how the device stands then. */
async function rollBack(
  sysfs: Sysfs,
  before: Before,
  done: Done,
  failure: unknown,
): Promise<unknown> {
  const { address } = before.device;
  try {
    const device = readDevice(address, sysfs.root);
    // What was changed went with the device.
    const isGone = device === undefined || !isSameDevice(device, before.device);
    const alone = isGone ? [] : await undo(sysfs, before, done);
    await forget(sysfs, address);
    if (isGone) return failure;
    return stating(sysfs, address, failure, alone.length === 0 ? '' : `. ${leftAlone(alone)}`);
  } catch (second) {
    return notUndone(sysfs, before, failure, second as Error);
  }
}

function leftAlone(what: readonly Alone[]): string {
  return `Another program changed its ${what.join(' and its ')}: left alone`;
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
  const hint = [`Try releaseDevice('${address}'), or by hand, as root:`, ...commands].join('\n  ');
  const message = `${address} was not bound, and undoing it failed too: ${second.message.split('\n')[0]}`;
  const { code } = failure as VfioError;
  return stating(sysfs, address, new VfioError(code, message, { address, hint }, failure));
}

async function restore(sysfs: Sysfs, before: Before, id: string): Promise<void> {
  const { address } = before.device;
  mustBeOurs(sysfs, before, id, await standingAgain(sysfs, before.device));
  const alone = await undo(sysfs, before, everything).catch(async (failure: unknown) => {
    throw await stating(sysfs, address, failure);
  });
  if (alone.length > 0) warn(`Giving back ${address}`, { message: leftAlone(alone) });
  await forget(sysfs, address);
}

/** Throws when the device is in the hands of another program, or of another binding, by now. */
function mustBeOurs(sysfs: Sysfs, before: Before, id: string, { device }: Standing): void {
  const { address, driver } = device;
  if (driver === undefined || driver === before.driver) return;
  const other = recall(sysfs, device);
  const isOthers = other !== undefined && other.id !== id && isAlive(other, sysfs.root);
  if (driver === 'vfio-pci' && !isOthers) return;
  const owner = nameOwner(isOthers ? other.pid : undefined);
  const message = `${address} is bound to ${driver} now, by ${owner}: left alone`;
  throw new VfioError('ERR_VFIO_BUSY', message, { address });
}

function nameOwner(pid: number | undefined): string {
  if (pid === undefined) return 'another program';
  return pid === process.pid ? `another binding of this process (${pid})` : `process ${pid}`;
}
