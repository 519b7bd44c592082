// SPDX-License-Identifier: MIT
// The devices of the test machine, the same on every kernel. One table has addresses for code in the guest, ids for
// requests to the host, and QEMU's arguments.

/** A device of the test machine. */
export interface VmDevice {
  /** Its name in QEMU, for {@link unplug} and the like in vm/host.ts. */
  readonly id: string;
  /** Its address in the guest. */
  readonly address: string;
  readonly vendor: number;
  readonly device: number;
  /** The kernel driver that holds it when a command starts. */
  readonly driver: 'nvme' | 'e1000e' | 'pcieport' | undefined;
}

const EDU = { vendor: 0x1234, device: 0x11e8, driver: undefined } as const;

/** `edu` alone in its group; its DMA reaches 64 bits (the others: 28, its default). No reset method. */
export const edu: VmDevice = { id: 'edu0', address: '0000:00:01.0', ...EDU };

/**
 * Root port above {@link nvme}: AER is injected here. It does not isolate (no ACS), so it shares the
 * group of the NVMe controller.
 */
export const rootPort: VmDevice = {
  id: 'rp0',
  address: '0000:00:02.0',
  vendor: 0x1b36,
  device: 0x000c,
  driver: 'pcieport',
};

/** An NVMe controller with one namespace of 1 GiB. Has a function-level reset. */
export const nvme: VmDevice = {
  id: 'nvme0',
  address: '0000:01:00.0',
  vendor: 0x1b36,
  device: 0x0010,
  driver: 'nvme',
};

/** A group that is not viable as it stands: its second device is held by its kernel driver. */
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

/** A group of two devices that no driver holds. */
export const pair: readonly [VmDevice, VmDevice] = [
  { id: 'edu2', address: '0000:00:08.0', ...EDU },
  { id: 'edu3', address: '0000:00:08.1', ...EDU },
];

/** An empty hot-plug root port; what is plugged into it appears at `address`. */
export const sparePort = { id: 'rp1', address: '0000:03:00.0' } as const;

/**
 * An NVMe controller without a namespace that can have two virtual functions (SR-IOV): `sriov_numvfs`
 * makes them. The module parameter vfio_pci.enable_sriov is on, so vfio-pci lets them be made as well.
 */
export const virtualizable: VmDevice = {
  id: 'nvme1',
  address: '0000:04:00.0',
  vendor: 0x1b36,
  device: 0x0010,
  driver: 'nvme',
};

/** What `sriov_numvfs` makes of {@link virtualizable}, in its order. */
export const virtualFunctions = ['0000:04:00.1', '0000:04:00.2'] as const;

/** The disk of {@link nvme}: a node that stays when the controller is unplugged, for plugging it again. */
export const nvmeDisk = 'nvme-disk';

/** QEMU's arguments for these devices, the NVMe disk being at `disk`. */
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
  ];
}

/** The controller of QEMU has virtual functions when it has queues and vectors to spare for them. */
const SRIOV = 'sriov_max_vfs=2,sriov_vq_flexible=4,sriov_vi_flexible=2,max_ioqpairs=8,msix_qsize=9';

function device(model: string, id: string, properties: string): string[] {
  return ['-device', `${model},id=${id},${properties}`];
}
