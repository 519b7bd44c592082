// SPDX-License-Identifier: MIT
// Handing a device over to vfio-pci, and back. By driver_override, which names this one device;
// writing its IDs to new_id would take every device of its kind.
import { constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { errnoName, errorFromNative, VfioError } from './errors.js';
import { bindSteps, echo, noSuchDevice, type SysfsWrite } from './hints.js';
import { findDiskUses } from './internal/disks.js';
import { exists, isAbsence, lookFailed } from './internal/files.js';
import { boolean, options as checkOptions } from './internal/validate.js';
import { devicePath, isVfioDriver, type PciDevice, parseAddress, readDevice } from './pci.js';

/** How {@link bindDevice} binds. */
export interface BindOptions {
  /** Only says what it would do; nothing is written. */
  dryRun?: boolean | undefined;
}

/** A device in the hands of vfio-pci. */
export interface Binding extends AsyncDisposable {
  /** The device's full PCI address. */
  readonly address: string;
  /** The driver it had. */
  readonly previousDriver: string | undefined;
  /** What was done, or would be, as lines for a root shell; empty when it was bound already. */
  readonly steps: readonly string[];
  /**
   * Gives the device back to the driver it had. Close it first: the kernel waits for that. Rejects
   * with `ERR_VFIO_BUSY` when someone bound it elsewhere meanwhile. Restoring twice gives the same
   * promise; after a failure it can be tried again.
   */
  restore(): Promise<void>;
}

/** Where sysfs is, and how a file of it is written. */
export interface Sysfs {
  /** Before `/sys`, `/proc` and `/dev`. */
  root: string;
  write(path: string, value: string): Promise<void>;
}

/** How the device stood before. */
interface Before {
  device: PciDevice;
  override: string;
}

/**
 * Binds a device to vfio-pci by driver_override. Needs root, and the module vfio-pci loaded. Checks
 * the outcome, and puts everything back when a step fails. Refuses with `ERR_VFIO_BUSY` a device
 * with a disk in use: mounted, swap space, or held by dm, md or another file system.
 */
export async function bindDevice(address: string, options: BindOptions = {}): Promise<Binding> {
  const full = parseAddress(address);
  const { dryRun = false } = checkOptions('bindDevice', options, ['dryRun']);
  return bindAt({ root: '', write: writeSysfs }, full, boolean('dryRun', dryRun));
}

/** {@link bindDevice} on any sysfs. */
export async function bindAt(sysfs: Sysfs, address: string, dryRun: boolean): Promise<Binding> {
  const before = await lookBefore(sysfs, address);
  const { driver } = before.device;
  if (isVfioDriver(driver)) return makeBinding(address, driver, [], async () => {});
  mustHaveVfioPci(sysfs, address);
  mustCarryNoDiskInUse(sysfs, address);
  const steps = bindSteps(address, driver);
  const lines = steps.map(({ value, path }) => echo(value, path));
  if (dryRun) return makeBinding(address, driver, lines, async () => {});
  await takeOver(sysfs, before, steps);
  return makeBinding(address, driver, lines, () => restore(sysfs, before));
}

function makeBinding(
  address: string,
  previousDriver: string | undefined,
  steps: readonly string[],
  undo: () => Promise<void>,
): Binding {
  let restoring: Promise<void> | undefined;
  const restore = () => {
    restoring ??= undo().catch((failure: unknown) => {
      restoring = undefined;
      throw failure;
    });
    return restoring;
  };
  return { address, previousDriver, steps, restore, [Symbol.asyncDispose]: restore };
}

async function takeOver(sysfs: Sysfs, before: Before, steps: SysfsWrite[]): Promise<void> {
  const { address } = before.device;
  const [override, ...rest] = steps as [SysfsWrite, ...SysfsWrite[]];
  await write(sysfs, override, address);
  try {
    mustBeUnchanged(sysfs, before);
    mustCarryNoDiskInUse(sysfs, address);
    for (const step of rest) await write(sysfs, step, address);
    mustBeBoundTo('vfio-pci', sysfs, before);
  } catch (failure) {
    await rollBack(sysfs, before, failure);
    throw failure;
  }
}

async function rollBack(sysfs: Sysfs, before: Before, failure: unknown): Promise<void> {
  const { address } = before.device;
  try {
    const now = readDevice(address, sysfs.root);
    // What was changed went with the device.
    if (now === undefined || !sameDevice(now, before.device)) return;
    await giveBack(sysfs, before);
  } catch (second) {
    const commands = giveBackSteps(before, undefined).map(({ value, path }) => echo(value, path));
    const hint = ['By hand, as root:', ...commands].join('\n  ');
    const message = `${address} was not bound, and undoing it failed too: ${(second as Error).message}`;
    throw new VfioError((failure as VfioError).code, message, { address, hint }, failure);
  }
}

async function restore(sysfs: Sysfs, before: Before): Promise<void> {
  const { address, driver } = before.device;
  const now = lookAgain(sysfs, before);
  if (isStranger(now, driver)) {
    const message = `${address} is bound to ${now} now, by someone else: left alone`;
    throw new VfioError('ERR_VFIO_BUSY', message, { address });
  }
  await giveBack(sysfs, before);
}

/**
 * Puts override and driver back as they were; another driver that came in between is left alone.
 */
async function giveBack(sysfs: Sysfs, before: Before): Promise<void> {
  const { address, driver } = before.device;
  const now = lookAgain(sysfs, before);
  const alone = isStranger(now, driver) || now === driver;
  const steps = giveBackSteps(before, now);
  for (const step of alone ? steps.slice(0, 1) : steps) await write(sysfs, step, address);
  if (!isStranger(now, driver)) mustBeBoundTo(driver, sysfs, before);
}

function giveBackSteps({ device, override }: Before, now: string | undefined): SysfsWrite[] {
  const { address, driver } = device;
  const drivers = '/sys/bus/pci/drivers';
  return [
    { path: `${devicePath(address)}/driver_override`, value: override },
    ...(now === undefined ? [] : [{ path: `${drivers}/${now}/unbind`, value: address }]),
    ...(driver === undefined ? [] : [{ path: `${drivers}/${driver}/bind`, value: address }]),
  ];
}

function isStranger(now: string | undefined, before: string | undefined): boolean {
  return now !== undefined && now !== before && !isVfioDriver(now);
}

function look({ root }: Sysfs, address: string): PciDevice {
  const device = readDevice(address, root);
  if (device !== undefined) return device;
  const fields = { address, hint: noSuchDevice };
  throw new VfioError('ENODEV', `There is no PCI device ${address}`, fields);
}

async function lookBefore(sysfs: Sysfs, address: string): Promise<Before> {
  const device = look(sysfs, address);
  // Never synchronously: the kernel answers only when it is done unbinding the device, and while this
  // process has it open that is when this thread has closed it.
  const path = `${sysfs.root}${devicePath(address)}/driver_override`;
  const override = (await readOverride(path)).trim();
  return { device, override: override === '(null)' ? '' : override };
}

async function readOverride(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (failure) {
    if (isAbsence(failure)) return '';
    throw lookFailed(failure);
  }
}

/** The driver that the device has now. */
function lookAgain(sysfs: Sysfs, { device }: Before): string | undefined {
  const { address } = device;
  const now = look(sysfs, address);
  if (sameDevice(now, device)) return now.driver;
  throw new VfioError('ENODEV', `Another device is at ${address} now`, { address });
}

function sameDevice(one: PciDevice, other: PciDevice): boolean {
  return one.vendorId === other.vendorId && one.deviceId === other.deviceId;
}

function mustHaveVfioPci({ root }: Sysfs, address: string): void {
  if (exists(`${root}/sys/bus/pci/drivers/vfio-pci`)) return;
  const fields = { address, hint: 'modprobe vfio-pci' };
  throw new VfioError('ERR_VFIO_UNSUPPORTED', 'The driver vfio-pci is not loaded', fields);
}

function mustCarryNoDiskInUse({ root }: Sysfs, address: string): void {
  const uses = findDiskUses(address, root);
  if (uses.length === 0) return;
  const list = uses.map(({ name, use }) => `${name} ${use}`).join(', ');
  const fields = { address, hint: 'Unmount it, or take it out of what holds it, first.' };
  throw new VfioError('ERR_VFIO_BUSY', `${address} has a disk in use: ${list}`, fields);
}

function mustBeUnchanged(sysfs: Sysfs, before: Before): void {
  const { address, driver } = before.device;
  const now = lookAgain(sysfs, before);
  if (now === driver) return;
  const message = `${address} changed meanwhile: it is bound to ${now ?? 'no driver'} now`;
  throw new VfioError('ERR_VFIO_BUSY', message, { address });
}

function mustBeBoundTo(driver: string | undefined, sysfs: Sysfs, before: Before): void {
  const { address, iommuGroup } = before.device;
  const now = lookAgain(sysfs, before);
  if (now === driver) return;
  const message = `${address} is bound to ${now ?? 'no driver'}, not to ${driver ?? 'none'}`;
  const group = iommuGroup === undefined ? 'It is in no IOMMU group. ' : '';
  const hint = `${group}The kernel log (dmesg) says why.`;
  throw new VfioError('ERR_VFIO_NOT_BOUND', message, { address, hint });
}

async function write(sysfs: Sysfs, step: SysfsWrite, address: string): Promise<void> {
  try {
    await sysfs.write(step.path, step.value);
  } catch (failure) {
    const { errno = 0, syscall = 'write' } = failure as NodeJS.ErrnoException;
    const hint = hintForWrite(errnoName(errno), step);
    throw errorFromNative({ errno, syscall, request: '', path: step.path }, { address, hint });
  }
}

function hintForWrite(errno: string, { path, value }: SysfsWrite): string {
  if (errno === 'EACCES' || errno === 'EPERM' || errno === 'EROFS') {
    return `Binding changes /sys and needs root. The step: ${echo(value, path)}`;
  }
  return `The step was: ${echo(value, path)}`;
}

/** One write, as the kernel wants it, to a file that is there. */
async function writeSysfs(path: string, value: string): Promise<void> {
  const file = await open(path, constants.O_WRONLY);
  try {
    await file.write(`${value}\n`);
  } finally {
    // The kernel has acted on the write by now, so that its end decides nothing.
    await file.close().catch(() => {});
  }
}
