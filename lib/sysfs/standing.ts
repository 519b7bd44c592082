// SPDX-License-Identifier: MIT
// How a device stands in sysfs, and writes to it that say what they were.
import { constants } from 'node:fs';
import { access, open, readFile } from 'node:fs/promises';
import { echo, noSuchDevice, type SysfsWrite } from '../diagnose/hints.js';
import { continued, errnoName, errorFromNative, VfioError } from '../errors.js';
import { deniedError, isDenied } from '../internal/permissions.js';
import { devicePath, type PciDevice, readDevice } from '../pci.js';
import { isAbsence, lookFailed } from './files.js';
import { type Release, takeLock } from './locks.js';

/** Where sysfs is, how a file of it is written, and how processes take turns at that. */
export interface Sysfs {
  /** Before `/sys`, `/proc`, `/dev` and `/run`. */
  root: string;
  write(path: string, value: string): Promise<void>;
  /** Waits for the turn of this process, and gives what ends it. Left out where nobody else is at work. */
  lock?(name: string): Promise<Release>;
}

/** The sysfs of this machine. */
export const machine: Sysfs = { root: '', write: writeFile, lock: (name) => takeLock(name) };

/** A device, and the driver that `driver_override` reserves it for; `''` for none. */
export interface Standing {
  device: PciDevice;
  override: string;
}

/** Does something while no other process of this library does the same. */
export async function inTurn<T>(sysfs: Sysfs, name: string, work: () => Promise<T>): Promise<T> {
  const release = await sysfs.lock?.(name);
  try {
    return await work();
  } finally {
    release?.();
  }
}

/** The device; ENODEV when there is none. */
export function look({ root }: Sysfs, address: string): PciDevice {
  const device = readDevice(address, root);
  if (device !== undefined) return device;
  const fields = { address, hint: noSuchDevice };
  throw new VfioError('ENODEV', `There is no PCI device ${address}`, fields);
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

/** The file of sysfs that reserves a device for one driver. */
export function overridePath(address: string): string {
  return `${devicePath(address)}/driver_override`;
}

async function readOverride(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (failure) {
    if (isAbsence(failure)) return '';
    throw lookFailed(failure);
  }
}

/** Writes to sysfs; a failure names the step as a line for a shell. */
export async function write(sysfs: Sysfs, step: SysfsWrite, address: string): Promise<void> {
  try {
    await sysfs.write(step.path, step.value);
  } catch (failure) {
    throw writeFailed(failure, step, address);
  }
}

/** Why this process may not write to a device's files; undefined when it may. */
export async function writeRefusal(
  { root }: Sysfs,
  step: SysfsWrite,
  address: string,
): Promise<unknown> {
  try {
    await access(root + step.path, constants.W_OK);
    return undefined;
  } catch (failure) {
    if (!isAbsence(failure) && !isReadOnly(failure)) throw lookFailed(failure);
    return writeFailed(failure, step, address);
  }
}

function isReadOnly(failure: unknown): boolean {
  return (failure as NodeJS.ErrnoException).code === 'EROFS';
}

function writeFailed(failure: unknown, step: SysfsWrite, address: string): unknown {
  if (isDenied(failure)) return deniedError(failure);
  const { errno = 0, syscall = 'write' } = failure as NodeJS.ErrnoException;
  const hint = hintForWrite(errnoName(errno), step);
  return errorFromNative({ errno, syscall, request: '', path: step.path }, { address, hint });
}

function hintForWrite(errno: string, { path, value }: SysfsWrite): string {
  if (errno === 'EACCES' || errno === 'EPERM' || errno === 'EROFS') {
    return `Binding changes /sys and needs root. The step: ${echo(value, path)}`;
  }
  return `The step was: ${echo(value, path)}`;
}

/** One write, as the kernel wants it, to a file that is there. */
async function writeFile(path: string, value: string): Promise<void> {
  const file = await open(path, constants.O_WRONLY);
  try {
    await file.write(`${value}\n`);
  } finally {
    // The kernel has acted on the write by now, so that its end decides nothing.
    await file.close().catch(() => {});
  }
}
