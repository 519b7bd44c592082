// SPDX-License-Identifier: MIT
// Why something failed, found out by looking at sysfs and /proc after it did.
import { existsSync, statSync } from 'node:fs';
import type { AffectedDevice } from '../device.js';
import { errnoName, errorFromNative, type FailureContext, isNativeFailure } from '../errors.js';
import type { InterruptType } from '../interrupts.js';
import type { NativeFailure } from '../native.js';
import { answers, blockersOf, devicePath, isVfioDriver, readDevice, readGroup } from '../pci.js';
import { exists, listNames, readLinkName, readNumber, readText } from '../sysfs/files.js';
import { findHolders } from '../sysfs/holders.js';
import { interruptUsers } from '../sysfs/interrupt-users.js';
import { readMemlock } from '../sysfs/memlock.js';
import * as hints from './hints.js';

/** What was to be opened. */
export interface OpenTarget {
  address?: string;
  group?: number;
  /** What the open came with, of a device. */
  vfToken?: string | undefined;
}

/** Awaits an open in native code; its failure becomes an error that says why and what to do. */
export async function awaitOpen<T>(work: () => Promise<T>, target: OpenTarget): Promise<T> {
  try {
    return await work();
  } catch (failure) {
    if (!isNativeFailure(failure)) throw failure;
    // What cannot be found out now, for want of descriptors perhaps, does not hide what failed.
    const finding = await diagnoseOpen(failure, target).catch(() => obvious(failure));
    throw errorFromNative(failure, { address: target.address, ...finding });
  }
}

/** Maps memory; its failure becomes an error that says why and what to do. */
export function mapMemory<T>(work: () => T, bytes: number): T {
  try {
    return work();
  } catch (failure) {
    throw mapError(failure, bytes);
  }
}

/** The same on another thread. */
export async function mapMemoryAsync<T>(work: () => Promise<T>, bytes: number): Promise<T> {
  try {
    return await work();
  } catch (failure) {
    throw mapError(failure, bytes);
  }
}

function mapError(failure: unknown, bytes: number): unknown {
  if (!isNativeFailure(failure)) return failure;
  return errorFromNative(failure, findMapFailure(failure, bytes));
}

function findMapFailure(failure: NativeFailure, bytes: number): FailureContext {
  try {
    return diagnoseMap(failure, bytes);
  } catch {
    return obvious(failure);
  }
}

/** What follows from the failure alone. */
function obvious(failure: NativeFailure): FailureContext {
  return { hint: hints.hintFor(failure) };
}

/** Why an open failed. */
export async function diagnoseOpen(
  failure: NativeFailure,
  target: OpenTarget,
  root = '',
): Promise<FailureContext> {
  return (
    deviceFinding(failure, target.address, root) ??
    groupFinding(failure, target.group, root) ??
    viabilityFinding(failure, target, root) ??
    unsafeFinding(failure, target, root) ??
    vfTokenFinding(failure, target, root) ??
    (await silenceFinding(failure, target.address, root)) ??
    (await nodeFinding(failure, root)) ??
    obvious(failure)
  );
}

/** Why memory was not mapped. */
export function diagnoseMap(failure: NativeFailure, bytes: number, root = ''): FailureContext {
  const outOfMemory =
    'errno' in failure &&
    errnoName(failure.errno) === 'ENOMEM' &&
    failure.request === 'VFIO_IOMMU_MAP_DMA';
  if (!outOfMemory) return obvious(failure);
  const memlock = readMemlock(root);
  const limited = memlock !== undefined && memlock.locked + bytes > memlock.allowed;
  return { hint: limited ? hints.memlock(bytes, memlock) : hints.outOfMemory };
}

/** Arms interrupts; a failure becomes an error that says why and what to do. */
export function armInterrupts<T>(work: () => T, address: string, type: InterruptType): T {
  try {
    return work();
  } catch (failure) {
    if (!isNativeFailure(failure)) throw failure;
    throw errorFromNative(failure, { address, ...findArmFailure(failure, address, type) });
  }
}

function findArmFailure(
  failure: NativeFailure,
  address: string,
  type: InterruptType,
): FailureContext {
  try {
    return diagnoseArm(failure, address, type);
  } catch {
    return obvious(failure);
  }
}

/** Why interrupts were not armed. */
export function diagnoseArm(
  failure: NativeFailure,
  address: string,
  type: InterruptType,
  root = '',
): FailureContext {
  const line = readNumber(`${root}${devicePath(address)}/irq`);
  if (codeOf(failure) !== 'EBUSY' || type !== 'intx' || line === undefined) return obvious(failure);
  const summary = `The interrupt line of ${address}, IRQ ${line}, is in use and cannot be shared`;
  const unmasked = readText(`${root}/sys/module/vfio_pci/parameters/nointxmask`) === 'Y';
  return { summary, hint: hints.sharedLine(line, interruptUsers(line, root), unmasked) };
}

/** Awaits a hot reset of these; its failure becomes an error that says which is in the way. */
export async function awaitHotReset(
  work: () => Promise<void>,
  address: string,
  affected: readonly AffectedDevice[],
): Promise<void> {
  try {
    await work();
  } catch (failure) {
    if (!isNativeFailure(failure)) throw failure;
    throw errorFromNative(failure, { address, ...findHotResetFailure(failure, affected) });
  }
}

function findHotResetFailure(
  failure: NativeFailure,
  affected: readonly AffectedDevice[],
): FailureContext {
  try {
    return diagnoseHotReset(failure, affected);
  } catch {
    return obvious(failure);
  }
}

/** Why a hot reset was refused. */
export function diagnoseHotReset(
  failure: NativeFailure,
  affected: readonly AffectedDevice[],
  root = '',
): FailureContext {
  if (codeOf(failure) === 'ERR_VFIO_UNSUPPORTED') return { hint: hints.hotResetGroups(affected) };
  const elsewhere = affected
    .map(({ address }) => readDevice(address, root))
    .filter((device) => device !== undefined)
    .filter(({ driver }) => !isVfioDriver(driver));
  if (codeOf(failure) !== 'EINVAL' || elsewhere.length === 0) {
    return { hint: hints.hintFor(failure) };
  }
  const names = elsewhere.map(({ address, driver }) => `${address} to ${driver ?? 'no driver'}`);
  const summary = `A hot reset takes along what is bound elsewhere: ${names.join(', ')}`;
  return { code: 'ERR_VFIO_NOT_BOUND', summary, hint: hints.bindAll(elsewhere) };
}

/** How the kernel, or the library, refuses a device that is not there. */
const notThere = ['ENOENT', 'ENODEV', 'ENXIO'];
/** And how it refuses one that is not VFIO's to open. */
const notOurs = ['EINVAL', 'EPERM', 'ERR_VFIO_NO_IOMMU', 'ERR_VFIO_NOT_VIABLE'];

/** The device is not one that VFIO could open. */
function deviceFinding(
  failure: NativeFailure,
  address: string | undefined,
  root: string,
): FailureContext | undefined {
  const code = codeOf(failure);
  const missing = notThere.includes(code);
  if (address === undefined || !(missing || notOurs.includes(code))) return undefined;
  const device = readDevice(address, root);
  if (device === undefined) {
    if (!missing) return undefined;
    const summary = `There is no PCI device ${address}`;
    return { code: 'ENODEV', summary, hint: hints.noSuchDevice };
  }
  if (device.iommuGroup === undefined) {
    const summary = `${address} is in no IOMMU group`;
    const hint = hints.noIommu(listNames(`${root}/sys/class/iommu`).length > 0);
    return { code: 'ERR_VFIO_NO_IOMMU', summary, hint };
  }
  if (isVfioDriver(device.driver)) return undefined;
  const summary = `${address} is bound to ${device.driver ?? 'no driver'}, not to vfio-pci`;
  return { code: 'ERR_VFIO_NOT_BOUND', summary, hint: hints.bindCommands(device) };
}

/** The group is not one that VFIO could open. */
function groupFinding(
  failure: NativeFailure,
  group: number | undefined,
  root: string,
): FailureContext | undefined {
  if (group === undefined || !notThere.includes(codeOf(failure))) return undefined;
  const members = readGroup(group, root);
  if (members === undefined) {
    return { summary: `There is no IOMMU group ${group}`, hint: hints.noSuchGroup };
  }
  if (members.some(({ driver }) => isVfioDriver(driver))) return undefined;
  const summary = `No device of IOMMU group ${group} is bound to vfio-pci`;
  return { code: 'ERR_VFIO_NOT_BOUND', summary, hint: hints.bindMembers(members) };
}

/** Another device of the group keeps it in the kernel's hands. */
function viabilityFinding(
  failure: NativeFailure,
  target: OpenTarget,
  root: string,
): FailureContext | undefined {
  const refused =
    'errno' in failure
      ? failure.request === 'VFIO_GROUP_SET_CONTAINER' && errnoName(failure.errno) === 'EPERM'
      : failure.code === 'ERR_VFIO_NOT_VIABLE';
  if (!refused) return undefined;
  const group = target.group ?? groupOf(target.address, root);
  const blockers = blockersOf((group === undefined ? undefined : readGroup(group, root)) ?? []);
  if (blockers.length === 0) return undefined;
  const summary = `IOMMU group ${group} is not viable`;
  return { code: 'ERR_VFIO_NOT_VIABLE', summary, hint: hints.notViable(blockers) };
}

/** The kernel hands the group out without an IOMMU, by a node of another name. */
function unsafeFinding(
  failure: NativeFailure,
  target: OpenTarget,
  root: string,
): FailureContext | undefined {
  if (!notThere.includes(codeOf(failure))) return undefined;
  const group = target.group ?? groupOf(target.address, root);
  if (!existsSync(`${root}/dev/vfio/noiommu-${group}`)) return undefined;
  const what = target.address ?? `Group ${group}`;
  const summary = `${what} is handed out without an IOMMU (/dev/vfio/noiommu-${group})`;
  return { code: 'ERR_VFIO_NO_IOMMU', summary, hint: hints.unsafeNoIommu };
}

/** SR-IOV: a physical function that VFIO has shares a token with its virtual functions. */
function vfTokenFinding(
  failure: NativeFailure,
  { address, vfToken }: OpenTarget,
  root: string,
): FailureContext | undefined {
  const asked = 'errno' in failure && failure.request === 'VFIO_GROUP_GET_DEVICE_FD';
  if (address === undefined || !asked) return undefined;
  const given = vfToken !== undefined;
  const physical = readLinkName(`${root}${devicePath(address)}/physfn`);
  if (codeOf(failure) === 'EACCES') {
    return physical === undefined
      ? {
          summary: `Virtual functions of ${address} are open, so it opens only with their VF token`,
          hint: hints.vfTokenOfVirtual(address, given),
        }
      : {
          summary:
            `${address} is a virtual function of ${physical}, which is bound to vfio-pci, ` +
            'so it opens only with the VF token of that',
          hint: hints.vfTokenOfPhysical(address, physical, given),
        };
  }
  if (codeOf(failure) !== 'EINVAL' || !given || hasVfToken(address, physical, root))
    return undefined;
  return { summary: `${address} has no VF token`, hint: hints.noVfToken };
}

/** Whether the kernel compares tokens when this device is opened. */
function hasVfToken(address: string, physical: string | undefined, root: string): boolean {
  return physical === undefined
    ? exists(`${root}${devicePath(address)}/sriov_totalvfs`)
    : isVfioDriver(readDevice(physical, root)?.driver);
}

/** The kernel asked the device about itself, for a minute or two, and nobody answered. */
async function silenceFinding(
  failure: NativeFailure,
  address: string | undefined,
  root: string,
): Promise<FailureContext | undefined> {
  const asked = 'errno' in failure && failure.request === 'VFIO_GROUP_GET_DEVICE_FD';
  if (address === undefined || !asked || (await answers(address, root))) return undefined;
  const summary = `${address} does not answer: it is gone, or without power`;
  return { code: 'ERR_VFIO_LOST', summary, hint: hints.noAnswer(address) };
}

function codeOf(failure: NativeFailure): string {
  return 'errno' in failure ? errnoName(failure.errno) : failure.code;
}

function groupOf(address: string | undefined, root: string): number | undefined {
  return address === undefined ? undefined : readDevice(address, root)?.iommuGroup;
}

/** The node of VFIO or of a group is missing, closed to this user or held by someone. */
async function nodeFinding(
  failure: NativeFailure,
  root: string,
): Promise<FailureContext | undefined> {
  if (!('errno' in failure) || failure.request !== '') return undefined;
  const { path } = failure;
  if (!path.startsWith('/dev/vfio/')) return undefined;
  switch (errnoName(failure.errno)) {
    case 'EACCES':
      return { hint: hints.noPermission(path, ownerOf(root + path)) };
    case 'EPERM':
      return { hint: hints.notAllowed(path) };
    case 'EBUSY':
      return { hint: hints.heldBy(path, await findHolders(path, root)) };
    case 'ENOENT':
      return { hint: path === '/dev/vfio/vfio' ? hints.noVfio : hints.noNode(path) };
    case 'ENODEV':
    case 'ENXIO':
      return { hint: path === '/dev/vfio/vfio' ? hints.noVfio : hints.staleNode(path) };
    default:
      return undefined;
  }
}

function ownerOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 'not visible';
  const mode = (stat.mode & 0o777).toString(8).padStart(4, '0');
  return `mode ${mode}, user ${stat.uid}, group ${stat.gid}; this is user ${process.getuid?.()}`;
}
