// SPDX-License-Identifier: MIT
// The devices of the test machine, the same on every kernel. This file has their addresses for code in the guest, their
// ids for requests to the host, and QEMU's arguments.

/** A device of the test machine. */
export interface VmDevice {
  /** Its name in QEMU, for `unplug` and the other calls of vm/host.ts. */
  readonly id: string;
  /** Its address in the guest. */
  readonly address: string;
  readonly vendor: number;
  readonly device: number;
  /** The kernel driver that it is bound to when a command starts. */
  readonly driver: 'nvme' | 'e1000e' | 'pcieport' | 'virtio-pci' | undefined;
}

const EDU = { vendor: 0x1234, device: 0x11e8, driver: undefined } as const;

/** `edu`, alone in its group. It drives 64 address bits (the other ones drive 28, QEMU's default). No reset method. */
export const edu: VmDevice = { id: 'edu0', address: '0000:00:01.0', ...EDU };

/**
 * The root port above {@link nvme}. Tests inject AER errors here. It has no ACS, so it does not isolate and shares the
 * group of the NVMe controller.
 */
export const rootPort: VmDevice = {
  id: 'rp0',
  address: '0000:00:02.0',
  vendor: 0x1b36,
  device: 0x000c,
  driver: 'pcieport',
};

/** An NVMe controller with one namespace of 1 GiB. It has a function-level reset. */
export const nvme: VmDevice = {
  id: 'nvme0',
  address: '0000:01:00.0',
  vendor: 0x1b36,
  device: 0x0010,
  driver: 'nvme',
};

/** A group that is not viable, because its second device is bound to a kernel driver. */
export const blocked: { readonly edu: VmDevice; readonly neighbour: VmDevice } = {
  edu: { id: 'edu1', address: '0000:02:01.0', ...EDU },
  neighbour: {
    id: 'nic0',
    address: '0000:02:02.0',
    vendor: 0x8086,
    device: 0x10d3,
    driver: 'e1000e',
  },
};

/** A group of two devices without a driver. */
export const pair: readonly [VmDevice, VmDevice] = [
  { id: 'edu2', address: '0000:00:08.0', ...EDU },
  { id: 'edu3', address: '0000:00:08.1', ...EDU },
];

/** An empty hot-plug root port. A device that is plugged into it appears at `address`. */
export const sparePort = { id: 'rp1', address: '0000:03:00.0' } as const;

/**
 * An NVMe controller without a namespace. It can have two virtual functions (SR-IOV), which a write to `sriov_numvfs`
 * creates. The module parameter vfio_pci.enable_sriov is on, so this also works while it is bound to vfio-pci.
 */
export const virtualizable: VmDevice = {
  id: 'nvme1',
  address: '0000:04:00.0',
  vendor: 0x1b36,
  device: 0x0010,
  driver: 'nvme',
};

/** A network card with nothing at its other end, alone in its group: what it sends, only it can receive. */
export const nic: VmDevice = {
  id: 'nic1',
  address: '0000:00:06.0',
  vendor: 0x8086,
  device: 0x10d3,
  driver: 'e1000e',
};

/** A virtio entropy source behind the IOMMU. */
export const rng: VmDevice = {
  id: 'rng1',
  address: '0000:00:07.0',
  vendor: 0x1af4,
  device: 0x1044,
  driver: 'virtio-pci',
};

/** QEMU's device for tests of I/O: BAR 0 is memory, BAR 1 is I/O ports. */
export const testdev: VmDevice = {
  id: 'testdev0',
  address: '0000:00:09.0',
  vendor: 0x1b36,
  device: 0x0005,
  driver: undefined,
};

/** Shared memory between virtual machines: BAR 2 is 1 MiB of prefetchable memory. */
export const ivshmem: VmDevice = {
  id: 'ivshmem0',
  address: '0000:00:0a.0',
  vendor: 0x1af4,
  device: 0x1110,
  driver: undefined,
};

/** The virtual functions of {@link virtualizable}, in the order in which `sriov_numvfs` creates them. */
export const virtualFunctions = ['0000:04:00.1', '0000:04:00.2'] as const;

/** What this file calls the device at an address of the guest, if it is one of these. */
export function deviceName(address: string): string | undefined {
  const alone = [edu, rootPort, nvme, virtualizable, nic, rng, testdev, ivshmem];
  const known = [...alone, blocked.edu, blocked.neighbour, ...pair];
  return known.find((device) => device.address === address)?.id;
}

/** QEMU's block node behind {@link nvme}. It stays when the controller is unplugged, so it can be plugged in again. */
export const nvmeDisk = 'nvme-disk';

/** QEMU's arguments for these devices. `disk` is the path of the NVMe disk's image. */
export function deviceArguments(disk: string): string[] {
  const [first, second] = pair;
  return [
    ...device('edu', edu.id, 'bus=pcie.0,addr=1,dma_mask=0xffffffffffffffff'),
    ...device('pcie-root-port', rootPort.id, 'bus=pcie.0,addr=2,chassis=1,slot=1,disable-acs=on'),
    '-blockdev',
    `node-name=${nvmeDisk},driver=raw,discard=unmap,file.driver=file,file.filename=${disk}`,
    ...device('nvme', nvme.id, `bus=${rootPort.id},addr=0,serial=vfio-nvme-0,drive=${nvmeDisk}`),
    ...device('pcie-pci-bridge', 'br0', 'bus=pcie.0,addr=3'),
    ...device('edu', blocked.edu.id, 'bus=br0,addr=1'),
    ...device('e1000e', blocked.neighbour.id, 'bus=br0,addr=2,romfile='),
    ...device('pcie-root-port', sparePort.id, 'bus=pcie.0,addr=4,chassis=2,slot=2'),
    ...device('pcie-root-port', 'rp2', 'bus=pcie.0,addr=5,chassis=3,slot=3'),
    ...device('nvme-subsys', 'subsys0', 'nqn=vfio'),
    ...device(
      'nvme',
      virtualizable.id,
      `bus=rp2,addr=0,serial=vfio-nvme-1,subsys=subsys0,${SRIOV}`,
    ),
    ...device('edu', first.id, 'bus=pcie.0,addr=8.0,multifunction=on'),
    ...device('edu', second.id, 'bus=pcie.0,addr=8.1'),
    ...device('e1000e', nic.id, 'bus=pcie.0,addr=6,romfile='),
    ...device('virtio-rng-pci', rng.id, `bus=pcie.0,addr=7,${BEHIND_THE_IOMMU}`),
    ...device('pci-testdev', testdev.id, 'bus=pcie.0,addr=9'),
    ...['-object', 'memory-backend-ram,id=shared0,size=1M,share=on'],
    ...device('ivshmem-plain', ivshmem.id, 'bus=pcie.0,addr=0xa,memdev=shared0'),
  ];
}

/** QEMU's controller has virtual functions only if it has queues and vectors to spare for them. */
const SRIOV = 'sriov_max_vfs=2,sriov_vq_flexible=4,sriov_vi_flexible=2,max_ioqpairs=8,msix_qsize=9';

/** Without this, a virtio device uses physical addresses, and its transitional form has I/O ports. */
const BEHIND_THE_IOMMU = 'iommu_platform=on,disable-legacy=on';

function device(model: string, id: string, properties: string): string[] {
  return ['-device', `${model},id=${id},${properties}`];
}
