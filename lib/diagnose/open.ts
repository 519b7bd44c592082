// SPDX-License-Identifier: MIT
// Finds out why a device, a group or a container was not opened: looks at sysfs and /proc after the failure.
import { existsSync, statSync } from 'node:fs';
import { isNativeFailure } from '../errors.js';
import type { NativeFailure } from '../native.js';
import { answers, blockersOf, devicePath, isVfioDriver, readDevice, readGroup } from '../pci.js';
import { exists, readLinkName } from '../sysfs/files.js';
import { findHolders } from '../sysfs/holders.js';
import { bindSteps, rescanSteps } from '../sysfs/steps.js';
import { callFailed, codeOf, errorOf } from './failure.js';
import type { Finding, NodeOwner } from './finding.js';
import { notIsolated } from './isolation.js';

/** The device or group that was to be opened; empty for a container. */
export interface OpenTarget {
  address?: string;
  group?: number;
  /** The VF token that the open of a device passed. */
  vfToken?: string | undefined;
}

/** Awaits an open in native code. A failure becomes an error that says why and what to do. */
export async function awaitOpen<T>(work: () => Promise<T>, target: OpenTarget): Promise<T> {
  try {
    return await work();
  } catch (failure) {
    if (!isNativeFailure(failure)) throw failure;
    // The diagnosis can fail too, for example when no descriptor is left. That must not hide the original failure.
    const finding = await diagnoseOpen(failure, target).catch(() => callFailed(failure));
    throw errorOf(failure, finding, target.address);
  }
}

/** Finds out why the target was not opened. */
export async function diagnoseOpen(
  failure: NativeFailure,
  target: OpenTarget,
  root = '',
): Promise<Finding> {
  return (
    deviceFinding(failure, target.address, root) ??
    groupFinding(failure, target.group, root) ??
    viabilityFinding(failure, target, root) ??
    unsafeFinding(failure, target, root) ??
    vfTokenFinding(failure, target, root) ??
    (await silenceFinding(failure, target.address, root)) ??
    (await nodeFinding(failure, root)) ??
    callFailed(failure)
  );
}

/** The codes with which the kernel or the library refuses a device that does not exist. */
const missingCodes = ['ENOENT', 'ENODEV', 'ENXIO'];
/** The codes with which they refuse a device that VFIO cannot open. */
const refusedCodes = ['EINVAL', 'EPERM', 'ERR_VFIO_NO_IOMMU', 'ERR_VFIO_NOT_VIABLE'];

/** The device does not exist, is in no IOMMU group, or is not bound to a VFIO driver. */
function deviceFinding(
  failure: NativeFailure,
  address: string | undefined,
  root: string,
): Finding | undefined {
  const code = codeOf(failure);
  const isMissing = missingCodes.includes(code);
  if (address === undefined || !(isMissing || refusedCodes.includes(code))) return undefined;
  const device = readDevice(address, root);
  if (device === undefined) return isMissing ? { finding: 'no-such-device', address } : undefined;
  const { driver, iommuGroup } = device;
  if (iommuGroup === undefined) return notIsolated(address, root);
  if (isVfioDriver(driver)) return undefined;
  return { finding: 'device-not-bound', address, driver, steps: bindSteps(address, driver) };
}

/** The group does not exist, or none of its devices is bound to a VFIO driver. */
function groupFinding(
  failure: NativeFailure,
  group: number | undefined,
  root: string,
): Finding | undefined {
  if (group === undefined || !missingCodes.includes(codeOf(failure))) return undefined;
  const members = readGroup(group, root);
  if (members === undefined) return { finding: 'no-such-group', group };
  if (members.some(({ driver }) => isVfioDriver(driver))) return undefined;
  return { finding: 'group-not-bound', group, members };
}

/** The group is not viable: another of its devices is bound to a kernel driver. */
function viabilityFinding(
  failure: NativeFailure,
  target: OpenTarget,
  root: string,
): Finding | undefined {
  const isRefused =
    'errno' in failure
      ? failure.request === 'VFIO_GROUP_SET_CONTAINER' && codeOf(failure) === 'EPERM'
      : failure.code === 'ERR_VFIO_NOT_VIABLE';
  const group = isRefused ? groupOf(target, root) : undefined;
  if (group === undefined) return undefined;
  const blockers = blockersOf(readGroup(group, root) ?? []);
  return blockers.length === 0 ? undefined : { finding: 'group-not-viable', group, blockers };
}

/** The kernel offers the group without an IOMMU, through a node with another name. */
function unsafeFinding(
  failure: NativeFailure,
  target: OpenTarget,
  root: string,
): Finding | undefined {
  const group = missingCodes.includes(codeOf(failure)) ? groupOf(target, root) : undefined;
  if (group === undefined) return undefined;
  const node = `/dev/vfio/noiommu-${group}`;
  if (!existsSync(root + node)) return undefined;
  return { finding: 'unsafe-no-iommu', address: target.address, group, node };
}

/** With SR-IOV, a physical function that is bound to VFIO shares a token with its virtual functions. */
function vfTokenFinding(
  failure: NativeFailure,
  { address, vfToken }: OpenTarget,
  root: string,
): Finding | undefined {
  if (address === undefined || !isDeviceOpen(failure)) return undefined;
  const isTokenGiven = vfToken !== undefined;
  const physical = readLinkName(`${root}${devicePath(address)}/physfn`);
  if (codeOf(failure) === 'EACCES') {
    return physical === undefined
      ? { finding: 'token-of-virtual', address, isTokenGiven }
      : { finding: 'token-of-physical', address, physical, isTokenGiven };
  }
  const isRefused = codeOf(failure) === 'EINVAL' && isTokenGiven;
  if (!isRefused || hasVfToken(address, physical, root)) return undefined;
  return { finding: 'no-token', address };
}

function isDeviceOpen(failure: NativeFailure): boolean {
  return 'errno' in failure && failure.request === 'VFIO_GROUP_GET_DEVICE_FD';
}

/** Whether the kernel compares VF tokens when this device is opened. */
function hasVfToken(address: string, physical: string | undefined, root: string): boolean {
  return physical === undefined
    ? exists(`${root}${devicePath(address)}/sriov_totalvfs`)
    : isVfioDriver(readDevice(physical, root)?.driver);
}

/** The kernel or the library tried to read the device, for up to two minutes, and the device did not answer. */
async function silenceFinding(
  failure: NativeFailure,
  address: string | undefined,
  root: string,
): Promise<Finding | undefined> {
  if (address === undefined) return undefined;
  const isSilent =
    codeOf(failure) === 'ERR_VFIO_LOST' ||
    (isDeviceOpen(failure) && !(await answers(address, root)));
  if (!isSilent) return undefined;
  return { finding: 'no-answer', address, steps: rescanSteps(address) };
}

function groupOf({ address, group }: OpenTarget, root: string): number | undefined {
  if (group !== undefined || address === undefined) return group;
  return readDevice(address, root)?.iommuGroup;
}

const containerNode = '/dev/vfio/vfio';

/** The node of VFIO or of a group is missing, does not let this user open it, or is open in a process. */
async function nodeFinding(failure: NativeFailure, root: string): Promise<Finding | undefined> {
  if (!('errno' in failure) || failure.request !== '') return undefined;
  const { path } = failure;
  if (!path.startsWith('/dev/vfio/')) return undefined;
  switch (codeOf(failure)) {
    case 'EACCES':
      return {
        finding: 'node-not-permitted',
        path,
        owner: ownerOf(root + path),
        user: process.getuid?.(),
      };
    case 'EPERM':
      return { finding: 'node-not-allowed', path };
    case 'EBUSY':
      return { finding: 'node-held', path, holders: await findHolders(path, root) };
    case 'ENOENT':
      return path === containerNode
        ? { finding: 'vfio-not-loaded' }
        : { finding: 'node-missing', path };
    case 'ENODEV':
    case 'ENXIO':
      return path === containerNode
        ? { finding: 'vfio-not-loaded' }
        : { finding: 'node-stale', path };
    default:
      return undefined;
  }
}

function ownerOf(path: string): NodeOwner | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat && { mode: stat.mode & 0o777, user: stat.uid, group: stat.gid };
}
