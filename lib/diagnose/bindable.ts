// SPDX-License-Identifier: MIT
// Checks, before anything is unbound, whether vfio-pci accepts a device and whether the machine uses it.
import { setTimeout as sleep } from 'node:timers/promises';
import { devicePath, type PciDevice, readHeader } from '../pci.js';
import { type DiskUse, findDiskUses } from '../sysfs/disks.js';
import { exists, readNumber, readText } from '../sysfs/files.js';
import { findDefaultRoutes } from '../sysfs/networks.js';
import { refusalError } from './failure.js';
import type { Refusal } from './finding.js';
import { notIsolated } from './isolation.js';

/** Throws if vfio-pci does not accept the device, or if the machine uses it. */
export async function mustBeBindable(device: PciDevice, root: string): Promise<void> {
  refuse(await findUnsuitable(device, root));
  await mustBeUnused(device, root);
}

/** Throws if the machine uses the device: for a disk, or for its default route. */
export async function mustBeUnused(device: PciDevice, root: string): Promise<void> {
  refuse(await findUse(device, root));
}

function refuse(refusal: Refusal | undefined): void {
  if (refusal !== undefined) throw refusalError(refusal);
}

/** The reason why vfio-pci would refuse the device; undefined if it would accept it. */
export async function findUnsuitable(
  device: PciDevice,
  root: string,
): Promise<Refusal | undefined> {
  const { address } = device;
  if (!exists(`${root}/sys/bus/pci/drivers/vfio-pci`)) {
    return { finding: 'vfio-pci-not-loaded', address };
  }
  if (await isBridge(device, root)) return { finding: 'bridge', address };
  return (
    findVirtualFunctions(device, root) ?? findExposure(device, root) ?? findDenial(device, root)
  );
}

/** The class codes of bridges between buses: PCI-to-PCI, CardBus, semi-transparent. */
const bridgeClasses = [0x0604, 0x0607, 0x0609];

/** vfio_pci_core_register_device accepts only PCI_HEADER_TYPE_NORMAL. */
async function isBridge({ address, classCode }: PciDevice, root: string): Promise<boolean> {
  const header = (await readHeader(address, root))?.[0x0e];
  // A device that does not answer reads as all ones. The kernel still has its class from when it did answer.
  if (header === undefined || header === 0xff) return bridgeClasses.includes(classCode >>> 8);
  return (header & 0x7f) !== 0;
}

/** vfio_pci_core_register_device returns EBUSY for a PF that already has VFs. */
function findVirtualFunctions({ address }: PciDevice, root: string): Refusal | undefined {
  const path = `${devicePath(address)}/sriov_numvfs`;
  const count = readNumber(root + path) ?? 0;
  if (count === 0) return undefined;
  return { finding: 'virtual-functions-exist', address, count, steps: [{ path, value: '0' }] };
}

/** vfio_pci_probe fails for a device that is in no group, unless the kernel's unsafe no-IOMMU mode is on. */
function findExposure({ address, iommuGroup }: PciDevice, root: string): Refusal | undefined {
  const unsafe = `${root}/sys/module/vfio/parameters/enable_unsafe_noiommu_mode`;
  if (iommuGroup !== undefined || readText(unsafe) === 'Y') return undefined;
  return notIsolated(address, root);
}

/** Intel's device IDs in vfio_pci_dev_in_denylist: QAT DH895xCC, C3xxx and C62x with their VFs, DSA, IAX. */
const denied = [0x0435, 0x0443, 0x19e2, 0x19e3, 0x37c8, 0x37c9, 0x0b25, 0x0cfe];

/** vfio_pci_is_denylisted. Kernels before 5.9 have neither the denylist nor its parameter. */
function findDenial(device: PciDevice, root: string): Refusal | undefined {
  const { address, vendorId, deviceId } = device;
  const parameter = `${root}/sys/module/vfio_pci/parameters/disable_denylist`;
  const isDenied = vendorId === 0x8086 && denied.includes(deviceId);
  if (!isDenied || readText(parameter) !== 'N') return undefined;
  return { finding: 'denylisted', address };
}

/** How the machine uses the device; undefined if it does not. */
export async function findUse({ address }: PciDevice, root: string): Promise<Refusal | undefined> {
  const uses = await findLastingUses(address, root);
  if (uses.length > 0) return { finding: 'disk-in-use', address, uses };
  const routes = findDefaultRoutes(address, root);
  return routes.length > 0 ? { finding: 'default-route', address, routes } : undefined;
}

/** udev and its helpers open a disk when it appears. They close it within this time. */
const PASSING_MS = 1000;
const RETRY_MS = 50;

async function findLastingUses(address: string, root: string): Promise<DiskUse[]> {
  const deadline = performance.now() + PASSING_MS;
  for (;;) {
    const uses = await findDiskUses(address, root);
    const mayPass = uses.length > 0 && uses.every(({ use }) => use === 'open');
    if (!mayPass || performance.now() > deadline) return uses;
    await sleep(RETRY_MS);
  }
}
