// SPDX-License-Identifier: MIT
// Single root I/O virtualization (SR-IOV): the virtual functions of a physical function.
import type { CapabilityHeader, Decode } from './header.js';

/**
 * Single root I/O virtualization (PCI Express Base 6.0, section 9.3.3; `PCI_EXT_CAP_ID_SRIOV`, 0x0010). Only a
 * physical function (PF) has it.
 *
 * vfio-pci drops writes to these registers, and reads are those of the device. The kernel makes virtual functions
 * (VFs): write their number to `sriov_numvfs` in sysfs.
 */
export interface SriovCapability extends CapabilityHeader<'sriov'> {
  /** Whether the virtual functions are on. */
  readonly enabled: boolean;
  /** The most virtual functions that the function can have. */
  readonly totalVfs: number;
  /** The number of virtual functions it has at first, which is `totalVfs` unless they migrate. */
  readonly initialVfs: number;
  /** The number of virtual functions it has now. It means nothing while they are off. */
  readonly numVfs: number;
  /** How far the first virtual function's routing ID is from that of this function. */
  readonly firstVfOffset: number;
  /** How far the routing IDs of two virtual functions are apart. */
  readonly vfStride: number;
  /** The device ID of the virtual functions. Their vendor ID is that of this function. */
  readonly vfDeviceId: number;
}

export const sriov: Decode<SriovCapability> = (content) => ({
  enabled: (content.u16(0x08) & 0x1) !== 0,
  totalVfs: content.u16(0x0e),
  initialVfs: content.u16(0x0c),
  numVfs: content.u16(0x10),
  firstVfOffset: content.u16(0x14),
  vfStride: content.u16(0x16),
  vfDeviceId: content.u16(0x1a),
});
