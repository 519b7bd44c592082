// SPDX-License-Identifier: MIT
// PCI addresses, and the data of sysfs about devices and IOMMU groups. Nothing here opens a device.
import { typeError } from './errors.js';
import { mustBeLinux } from './internal/platform.js';
import { integer, options, show } from './internal/validate.js';
import { exists, listNames, readLinkName, readNumber, readStart } from './sysfs/files.js';

/** A PCI function, as sysfs describes it. */
export interface PciDevice {
  /** The full PCI address, `domain:bus:device.function`, like `0000:01:00.0`. */
  readonly address: string;
  /** PCI vendor ID, 16 bits. */
  readonly vendorId: number;
  /** PCI device ID, 16 bits. */
  readonly deviceId: number;
  /** Base class, subclass and programming interface, 24 bits: `0x010802` is NVMe. */
  readonly classCode: number;
  /** Subsystem vendor ID, 16 bits; 0 if the function has none. */
  readonly subsystemVendorId: number;
  /** Subsystem ID, 16 bits; 0 if the function has none. */
  readonly subsystemId: number;
  /**
   * The kernel driver that the function is bound to, like `nvme` or `vfio-pci`; undefined if there is none.
   */
  readonly driver: string | undefined;
  /** The number of its IOMMU group; undefined if no IOMMU isolates it. */
  readonly iommuGroup: number | undefined;
  /** The NUMA node that it is attached to; undefined if the platform does not say. */
  readonly numaNode: number | undefined;
}

/**
 * The filter of {@link listDevices} and {@link findDevice}. A device must match every field that is present.
 * Without any, all devices match.
 */
export interface DeviceFilter {
  /** PCI vendor ID, an integer from 0 to 0xffff. */
  vendorId?: number | undefined;
  /** PCI device ID, an integer from 0 to 0xffff. */
  deviceId?: number | undefined;
  /** Class code with all 24 bits, an integer from 0 to 0xffffff: `0x010802` is NVMe. */
  classCode?: number | undefined;
  /** Base class, the upper 8 bits of the class code, an integer from 0 to 0xff: 0x02 is a network controller. */
  baseClass?: number | undefined;
  /**
   * Subclass, the middle 8 bits of the class code, an integer from 0 to 0xff. Its meaning depends on the base
   * class: `{ baseClass: 0x08, subclass: 0x05 }` is an SD host controller with any programming interface.
   */
  subclass?: number | undefined;
}

// Linux prints the domain with at least four digits, and without leading zeros beyond four.
const addressPattern = /^(?:([0-9a-f]{4}|[1-9a-f][0-9a-f]{4,7}):)?[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/;

/**
 * Returns the full form of a PCI address: `01:00.0` gets the domain 0000. Throws a TypeError
 * `ERR_VFIO_ADDRESS` for anything else.
 */
export function parseAddress(value: unknown): string {
  const match = typeof value === 'string' ? addressPattern.exec(value) : null;
  if (match === null) {
    throw typeError(
      `Expected a PCI address like 0000:01:00.0 or 01:00.0 (lowercase) but received ${show(value)}`,
      'ERR_VFIO_ADDRESS',
    );
  }
  return match[1] === undefined ? `0000:${match[0]}` : match[0];
}

/**
 * Lists the PCI functions of this machine in the order of their addresses. Needs no root, no IOMMU and no
 * VFIO. Rejects with the errno of a file in sysfs that cannot be read (`EMFILE` …), with `ERR_VFIO_PLATFORM`
 * if the system is not Linux, and with a TypeError or RangeError if the filter is wrong.
 */
export async function listDevices(filter: DeviceFilter = {}): Promise<PciDevice[]> {
  const checked = checkFilter('listDevices', filter);
  mustBeLinux();
  return scanDevices(checked);
}

/** The largest value of each field of a filter. */
const limits = {
  vendorId: 0xffff,
  deviceId: 0xffff,
  classCode: 0xff_ffff,
  baseClass: 0xff,
  subclass: 0xff,
} satisfies Record<keyof DeviceFilter, number>;

/** Reads and checks a filter. `where` names the call. */
export function checkFilter(where: string, filter: DeviceFilter): DeviceFilter {
  const checked = options(where, filter, Object.keys(limits));
  for (const [name, limit] of Object.entries(limits)) {
    const value = checked[name as keyof DeviceFilter];
    if (value !== undefined) integer(name, value, 0, limit);
  }
  return checked;
}

/**
 * IDs, command, status, class and header type. The IDs alone are not enough: those of a healthy virtual
 * function read as all ones.
 */
const headerBytes = 16;

/**
 * Whether the config space of the device answers. If the device is gone or has no power, every bit reads as
 * 1.
 */
export async function answers(address: string, root = ''): Promise<boolean> {
  const header = await readHeader(address, root);
  return header === undefined || header.some((byte) => byte !== 0xff);
}

/** Reads the first bytes of its config space: IDs, command, status, class and header type. */
export function readHeader(address: string, root = ''): Promise<Buffer | undefined> {
  return readStart(`${root}${devicePath(address)}/config`, headerBytes);
}

/** Reads the devices of the sysfs below `root` that match the filter. */
export function scanDevices(filter: DeviceFilter, root = ''): PciDevice[] {
  return listNames(`${root}/sys/bus/pci/devices`)
    .map((address) => readDevice(address, root))
    .filter((device) => device !== undefined && matches(device, filter)) as PciDevice[];
}

/** Whether a device has all fields of the filter. */
export function matches(device: PciDevice, filter: DeviceFilter): boolean {
  const { vendorId, deviceId, classCode } = device;
  const facts: Required<DeviceFilter> = {
    vendorId,
    deviceId,
    classCode,
    baseClass: classCode >>> 16,
    subclass: (classCode >>> 8) & 0xff,
  };
  return Object.entries(facts).every(
    ([name, fact]) => (filter[name as keyof DeviceFilter] ?? fact) === fact,
  );
}

/** The directory of a device in sysfs. */
export function devicePath(address: string): string {
  return `/sys/bus/pci/devices/${address}`;
}

/** Reads a device from sysfs; undefined if there is no such device. */
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

/** Reads the devices of an IOMMU group from sysfs; undefined if there is no such group. */
export function readGroup(id: number, root = ''): PciDevice[] | undefined {
  const path = `${root}/sys/kernel/iommu_groups/${id}/devices`;
  if (!exists(path)) return undefined;
  return listNames(path)
    .map((address) => readDevice(address, root))
    .filter((device) => device !== undefined);
}

/** Whether a kernel driver hands devices to user space: vfio-pci and its variants (mlx5_vfio_pci …). */
export function isVfioDriver(driver: string | undefined): boolean {
  return driver?.includes('vfio') ?? false;
}

/** The devices that keep a group from being viable: their kernel driver does DMA of its own. */
export function blockersOf(members: readonly PciDevice[]): PciDevice[] {
  return members.filter(({ driver }) => driver !== undefined && !leavesDmaAlone(driver));
}

// The kernel lets devices bound to pcieport (bridges) and to pci-stub share a group with user space, because
// neither driver does DMA.
function leavesDmaAlone(driver: string): boolean {
  return isVfioDriver(driver) || driver === 'pcieport' || driver === 'pci-stub';
}
