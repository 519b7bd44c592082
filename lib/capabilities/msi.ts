// SPDX-License-Identifier: MIT
// MSI: how many messages a function can signal.
import type { CapabilityHeader, Decode } from './header.js';

/**
 * Message signalled interrupts (PCI Express Base 6.0, section 7.7.1; `PCI_CAP_ID_MSI`, 0x05).
 *
 * vfio-pci makes the enable bit, the address, the data and the mask and pending bits virtual. They read as
 * your program last wrote them, and say nothing about the device, so they are not fields here.
 * {@link Device.enableInterrupts} arms MSI.
 */
export interface MsiCapability extends CapabilityHeader<'msi'> {
  /** The number of vectors that the function asks for: 1, 2, 4, 8, 16 or 32. */
  readonly vectors: number;
  /** Whether the message address has 64 bits. If not, it has 32. */
  readonly address64: boolean;
  /** Whether each vector has a mask bit in the function. */
  readonly perVectorMasking: boolean;
}

export const msi: Decode<MsiCapability> = (content) => {
  const control = content.u16(0x02);
  return {
    vectors: 1 << ((control >>> 1) & 0x7),
    address64: (control & 0x80) !== 0,
    perVectorMasking: (control & 0x100) !== 0,
  };
};
