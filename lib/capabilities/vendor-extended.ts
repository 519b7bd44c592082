// SPDX-License-Identifier: MIT
// Vendor-specific extended capabilities (VSEC): bytes whose meaning the vendor of the device defines.
import type { CapabilityHeader, Decode } from './header.js';

/**
 * A vendor-specific extended capability (PCI Express Base 6.0, section 7.9.5; `PCI_EXT_CAP_ID_VNDR`, 0x000b). A
 * device can have several.
 *
 * vfio-pci passes reads and writes on to the device.
 */
export interface VendorExtendedCapability extends CapabilityHeader<'vendorExtended'> {
  /** What the vendor of the device calls this structure, 16 bits (VSEC ID). */
  readonly vsecId: number;
  /** The revision of the structure, 4 bits. */
  readonly vsecRevision: number;
  /** All bytes of the capability, from its header on. They are a copy. */
  readonly bytes: Buffer;
}

export const vendorExtended: Decode<VendorExtendedCapability> = (content) => {
  const header = content.u32(0x04);
  return {
    vsecId: header & 0xffff,
    vsecRevision: (header >>> 16) & 0xf,
    bytes: content.bytes(header >>> 20),
  };
};
