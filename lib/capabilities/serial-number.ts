// SPDX-License-Identifier: MIT
// The serial number of a device.
import type { CapabilityHeader, Decode } from './header.js';

/**
 * The device serial number (PCI Express Base 6.0, section 7.9.3; `PCI_EXT_CAP_ID_DSN`, 0x0003). It is read-only.
 */
export interface SerialNumberCapability extends CapabilityHeader<'serialNumber'> {
  /** The 64 bits of the serial number, an EUI-64. */
  readonly serialNumber: bigint;
}

export const serialNumber: Decode<SerialNumberCapability> = (content) => ({
  serialNumber: (BigInt(content.u32(0x08)) << 32n) | BigInt(content.u32(0x04)),
});
