// SPDX-License-Identifier: MIT
// Designated vendor-specific capabilities (DVSEC): bytes that any vendor can define, such as those of CXL.
import type { CapabilityHeader, Decode } from './header.js';

/**
 * A designated vendor-specific extended capability (PCI Express Base 6.0, section 7.9.6; `PCI_EXT_CAP_ID_DVSEC`,
 * 0x0023). A device can have several: CXL has one for each structure.
 *
 * vfio-pci passes reads and writes on to the device. Older kernels hide this capability.
 */
export interface DvsecCapability extends CapabilityHeader<'dvsec'> {
  /** The vendor that defines the structure, 16 bits: 0x1e98 is CXL. It need not be the vendor of the device. */
  readonly dvsecVendorId: number;
  /** What that vendor calls this structure, 16 bits. */
  readonly dvsecId: number;
  /** The revision of the structure, 4 bits. */
  readonly dvsecRevision: number;
  /** All bytes of the capability, from its header on. They are a copy. */
  readonly bytes: Buffer;
}

export const dvsec: Decode<DvsecCapability> = (content) => {
  const header = content.u32(0x04);
  return {
    dvsecVendorId: header & 0xffff,
    dvsecId: content.u16(0x08),
    dvsecRevision: (header >>> 16) & 0xf,
    bytes: content.bytes(header >>> 20),
  };
};
