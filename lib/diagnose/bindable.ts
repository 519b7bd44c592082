// SPDX-License-Identifier: MIT
// Whether vfio-pci would take a device, and whether somebody needs it: said before anything is unbound.
import { setTimeout as sleep } from 'node:timers/promises';
import { echo, noIommu } from '../diagnose/hints.js';
import { VfioError } from '../errors.js';
import { devicePath, type PciDevice, readHeader } from '../pci.js';
import { type DiskUse, findDiskUses } from './disks.js';
import { exists, listNames, readNumber, readText } from './files.js';
import { findDefaultRoutes } from './networks.js';

/** Throws when vfio-pci would refuse the device. */
export async function mustSuitVfioPci(device: PciDevice, root: string): Promise<void> {
  mustHaveVfioPci(device, root);
  await mustBeEndpoint(device, root);
  mustHaveNoVirtualFunctions(device, root);
  mustBeIsolated(device, root);
  mustNotBeDenied(device, root);
}

/** Throws when the machine uses the device: a disk, or the way out of it. */
export async function mustBeUnused({ address }: PciDevice, root: string): Promise<void> {
  await mustCarryNoDiskInUse(address, root);
  mustCarryNoDefaultRoute(address, root);
}

function mustHaveVfioPci({ address }: PciDevice, root: string): void {
  if (exists(`${root}/sys/bus/pci/drivers/vfio-pci`)) return;
  const fields = { address, hint: 'modprobe vfio-pci' };
  throw new VfioError('ERR_VFIO_UNSUPPORTED', 'The driver vfio-pci is not loaded', fields);
}

/** vfio_pci_core_register_device takes PCI_HEADER_TYPE_NORMAL, and nothing else. */
async function mustBeEndpoint({ address, classCode }: PciDevice, root: string): Promise<void> {
  if (!(await isBridge(address, classCode, root))) return;
  const hint =
    'Bind the devices behind it. A bridge stays with its driver: the kernel lets it share an IOMMU group.';
  const message = `${address} is a bridge, and vfio-pci takes no bridges`;
  throw new VfioError('ERR_VFIO_UNSUPPORTED', message, { address, hint });
}

/** Classes of bridges between buses: PCI to PCI, CardBus, semi-transparent. */
const bridgeClasses = [0x0604, 0x0607, 0x0609];

async function isBridge(address: string, classCode: number, root: string): Promise<boolean> {
  const header = (await readHeader(address, root))?.[0x0e];
  // All ones come from a device that does not answer; the kernel remembers what its class was.
  if (header === undefined || header === 0xff) return bridgeClasses.includes(classCode >>> 8);
  return (header & 0x7f) !== 0;
}

/** vfio_pci_core_register_device: EBUSY for a PF whose VFs are there already. */
function mustHaveNoVirtualFunctions({ address }: PciDevice, root: string): void {
  const path = `${devicePath(address)}/sriov_numvfs`;
  const count = readNumber(root + path) ?? 0;
  if (count === 0) return;
  const hint = `Remove all virtual functions first, as root: ${echo('0', path)}`;
  const them = count === 1 ? 'virtual function' : 'virtual functions';
  const exist = count === 1 ? 'that exists' : 'they exist';
  const message = `${address} has ${count} ${them}, and vfio-pci does not take it while ${exist}`;
  throw new VfioError('ERR_VFIO_BUSY', message, { address, hint });
}

/** vfio_pci_probe fails for a device in no group, unless the kernel hands those out too. */
function mustBeIsolated({ address, iommuGroup }: PciDevice, root: string): void {
  const unsafe = `${root}/sys/module/vfio/parameters/enable_unsafe_noiommu_mode`;
  if (iommuGroup !== undefined || readText(unsafe) === 'Y') return;
  const hint = noIommu(listNames(`${root}/sys/class/iommu`).length > 0);
  const message = `${address} is in no IOMMU group`;
  throw new VfioError('ERR_VFIO_NO_IOMMU', message, { address, hint });
}

/** Intel's device IDs in vfio_pci_dev_in_denylist: QAT DH895xCC, C3xxx and C62x with their VFs, DSA, IAX. */
const denied = [0x0435, 0x0443, 0x19e2, 0x19e3, 0x37c8, 0x37c9, 0x0b25, 0x0cfe];

/** vfio_pci_is_denylisted. Kernels before 5.9 have neither the list nor its parameter. */
function mustNotBeDenied({ address, vendorId, deviceId }: PciDevice, root: string): void {
  const parameter = `${root}/sys/module/vfio_pci/parameters/disable_denylist`;
  const isDenied = vendorId === 0x8086 && denied.includes(deviceId);
  if (!isDenied || readText(parameter) !== 'N') return;
  const hint =
    'It has flaws by which an untrusted driver can hang the machine. If you accept that: ' +
    'modprobe vfio-pci disable_denylist=1';
  const message = `${address} is on the list of devices that vfio-pci refuses`;
  throw new VfioError('ERR_VFIO_UNSUPPORTED', message, { address, hint });
}

async function mustCarryNoDiskInUse(address: string, root: string): Promise<void> {
  const uses = await findLastingUses(address, root);
  if (uses.length === 0) return;
  const list = uses.map(({ name, use }) => `${name} ${use}`).join(', ');
  const hint =
    'First unmount it, take it out of what holds it, or end the process that has it open.';
  throw new VfioError('ERR_VFIO_BUSY', `${address} is in use: ${list}`, { address, hint });
}

/** udev and its helpers open a disk when it appears; they are done within this time. */
const PASSING_MS = 1000;
const RETRY_MS = 50;

async function findLastingUses(address: string, root: string): Promise<DiskUse[]> {
  const deadline = performance.now() + PASSING_MS;
  for (;;) {
    const uses = await findDiskUses(address, root);
    const mayPass = uses.length > 0 && uses.every(({ isOpen }) => isOpen);
    if (!mayPass || performance.now() > deadline) return uses;
    await sleep(RETRY_MS);
  }
}

function mustCarryNoDefaultRoute(address: string, root: string): void {
  const routes = findDefaultRoutes(address, root);
  if (routes.length === 0) return;
  const names = routes.map(({ name, through }) => {
    return name === through ? name : `${name} (by ${through})`;
  });
  const hint = 'Move the route to another interface first: `ip route` shows it.';
  const message = `${address} carries the default route of this machine: ${names.join(', ')}`;
  throw new VfioError('ERR_VFIO_BUSY', message, { address, hint });
}
