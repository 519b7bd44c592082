// SPDX-License-Identifier: MIT
// Vendor-specific capabilities: bytes whose meaning the vendor of the device defines.
import type { CapabilityHeader, Decode } from './header.js';

/**
 * A vendor-specific capability (PCI Express Base 6.0, section 7.9.4; `PCI_CAP_ID_VNDR`, 0x09). A device can have
 * several: virtio has one for each structure in its BARs.
 *
 * vfio-pci passes reads and writes on to the device.
 */
export interface VendorCapability extends CapabilityHeader<'vendor'> {
  /**
   * All bytes of the capability, from its header on: byte 2 is its length. They are a copy. Reading them can act
   * on the device, as in virtio's `VIRTIO_PCI_CAP_PCI_CFG` once a program has set its length.
   */
  readonly bytes: Buffer;
}

export const vendor: Decode<VendorCapability> = (content) => ({
  bytes: content.bytes(content.u8(0x02)),
});
