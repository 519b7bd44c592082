// SPDX-License-Identifier: MIT
// PCI addresses, and what sysfs says about devices and IOMMU groups. Opens no device.
import { typeError } from './errors.js';
import { mustBeLinux } from './internal/platform.js';
import { integer, options, show } from './internal/validate.js';
import { exists, listNames, readLinkName, readNumber, readStart } from './sysfs/files.js';

/** What sysfs says about a PCI function. */
export interface PciDevice {
  /** `domain:bus:device.function`, as in `0000:01:00.0`. */
  readonly address: string;
  /** PCI vendor ID, 16 bits. */
  readonly vendorId: number;
  /** PCI device ID, 16 bits. */
  readonly deviceId: number;
  /** Base class, subclass and programming interface, 24 bits: `0x010802` is NVMe. */
  readonly classCode: number;
  /** Subsystem vendor ID, 16 bits; 0 where the function has none. */
  readonly subsystemVendorId: number;
  /** Subsystem ID, 16 bits; 0 where the function has none. */
  readonly subsystemId: number;
  /** The kernel driver it is bound to. */
  readonly driver: string | undefined;
  /** Its IOMMU group; undefined without an IOMMU. */
  readonly iommuGroup: number | undefined;
  /** The NUMA node it is attached to; undefined where the platform does not say. */
  readonly numaNode: number | undefined;
}

/** Which devices {@link listDevices} gives: those that agree in every field present. */
export interface DeviceFilter {
  vendorId?: number | undefined;
  deviceId?: number | undefined;
  /** All 24 bits. */
  classCode?: number | undefined;
}

// Linux prints the domain with at least four digits, and without leading zeros beyond them.
const addressPattern = /^(?:([0-9a-f]{4}|[1-9a-f][0-9a-f]{4,7}):)?[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/;

/**
 * The full form of a PCI address: `01:00.0` gets domain 0000. Throws ERR_VFIO_ADDRESS otherwise.
 */
export function parseAddress(value: unknown): string {
  const match = typeof value === 'string' ? addressPattern.exec(value) : null;
  if (match === null) {
    throw typeError(
      `Expected a PCI address like 0000:01:00.0 or 01:00.0 (lower case) but received ${show(value)}`,
      'ERR_VFIO_ADDRESS',
    );
  }
  return match[1] === undefined ? `0000:${match[0]}` : match[0];
}

/**
 * The PCI functions of this machine, in the order of their addresses. Rejects with the errno of a file of sysfs
 * that could not be read (`EMFILE` …), with `ERR_VFIO_PLATFORM` on other systems than Linux.
 */
export async function listDevices(filter: DeviceFilter = {}): Promise<PciDevice[]> {
  const checked = checkFilter(filter);
  mustBeLinux();
  return scanDevices(checked);
}

function checkFilter(filter: DeviceFilter): DeviceFilter {
  const { vendorId, deviceId, classCode } = options('listDevices', filter, [
    'vendorId',
    'deviceId',
    'classCode',
  ]);
  if (vendorId !== undefined) integer('vendorId', vendorId, 0, 0xffff);
  if (deviceId !== undefined) integer('deviceId', deviceId, 0, 0xffff);
  if (classCode !== undefined) integer('classCode', classCode, 0, 0xffffff);
  return { vendorId, deviceId, classCode };
}

/** Command, status, class and header type too: the IDs of a virtual function read all ones in good health. */
const headerBytes = 16;

/** Whether its config space answers: of a device that is gone, or without power, every bit reads 1. */
export async function answers(address: string, root = ''): Promise<boolean> {
  const header = await readHeader(address, root);
  return header === undefined || header.some((byte) => byte !== 0xff);
}

/** The first bytes of its config space: IDs, command, status, class and header type. */
export function readHeader(address: string, root = ''): Promise<Buffer | undefined> {
  return readStart(`${root}${devicePath(address)}/config`, headerBytes);
}

/** The devices below `root` that agree with the filter. */
export function scanDevices(filter: DeviceFilter, root = ''): PciDevice[] {
  return listNames(`${root}/sys/bus/pci/devices`)
    .map((address) => readDevice(address, root))
    .filter((device) => device !== undefined && agrees(device, filter)) as PciDevice[];
}

function agrees(device: PciDevice, { vendorId, deviceId, classCode }: DeviceFilter): boolean {
  return (
    (vendorId ?? device.vendorId) === device.vendorId &&
    (deviceId ?? device.deviceId) === device.deviceId &&
    (classCode ?? device.classCode) === device.classCode
  );
}

/** Where sysfs keeps a device. */
export function devicePath(address: string): string {
  return `/sys/bus/pci/devices/${address}`;
}

/** What sysfs says about one device; undefined when it is not there. */
export function readDevice(address: string, root = ''): PciDevice | undefined {
  const path = root + devicePath(address);
  const vendorId = readNumber(`${path}/vendor`);
  if (vendorId === undefined) return undefined;
  const group = readLinkName(`${path}/iommu_group`);
  const node = readNumber(`${path}/numa_node`) ?? -1;
  return {
    address,
    vendorId,
    deviceId: readNumber(`${path}/device`) ?? 0,
    classCode: readNumber(`${path}/class`) ?? 0,
    subsystemVendorId: readNumber(`${path}/subsystem_vendor`) ?? 0,
    subsystemId: readNumber(`${path}/subsystem_device`) ?? 0,
    driver: readLinkName(`${path}/driver`),
    iommuGroup: group === undefined ? undefined : Number(group),
    numaNode: node < 0 ? undefined : node,
  };
}

/** The devices of an IOMMU group; undefined when there is no such group. */
export function readGroup(id: number, root = ''): PciDevice[] | undefined {
  const path = `${root}/sys/kernel/iommu_groups/${id}/devices`;
  if (!exists(path)) return undefined;
  return listNames(path)
    .map((address) => readDevice(address, root))
    .filter((device) => device !== undefined);
}

/**
 * Whether a kernel driver hands devices to userspace: vfio-pci and its variants (mlx5_vfio_pci …).
 */
export function isVfioDriver(driver: string | undefined): boolean {
  return driver?.includes('vfio') ?? false;
}

/**
 * The devices that keep a group from being viable: those bound to a driver that does DMA of its
 * own.
 */
export function blockersOf(members: readonly PciDevice[]): PciDevice[] {
  return members.filter(({ driver }) => driver !== undefined && !leavesDmaAlone(driver));
}

// The kernel lets bridges under pcieport, and pci-stub, share a group with userspace: neither does
// DMA.
function leavesDmaAlone(driver: string): boolean {
  return isVfioDriver(driver) || driver === 'pcieport' || driver === 'pci-stub';
}
