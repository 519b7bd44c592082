// SPDX-License-Identifier: MIT
// MSI-X: how many vectors a function has, and where its table and its pending bits are.
import type { CapabilityHeader, Decode } from './header.js';

/** A part of a BAR. */
export interface BarArea {
  /** The index of the BAR, from 0 to 5. */
  readonly bar: number;
  /** Where it begins, in bytes from the start of the BAR. */
  readonly offset: number;
  /** Its size in bytes. */
  readonly byteLength: number;
}

/**
 * MSI-X (PCI Express Base 6.0, section 7.7.2; `PCI_CAP_ID_MSIX`, 0x11).
 *
 * Under vfio-pci these registers read as the device has them, and writes to them are dropped.
 * {@link Device.enableInterrupts} arms MSI-X. vfio-pci hides the table where a region is not mapped: it reads
 * as all ones there.
 */
export interface MsixCapability extends CapabilityHeader<'msix'> {
  /** The number of vectors, from 1 to 2048. */
  readonly vectors: number;
  /** Whether the kernel has turned MSI-X on. */
  readonly enabled: boolean;
  /** Whether all vectors are masked together. */
  readonly masked: boolean;
  /** The table: 16 bytes for each vector. */
  readonly table: BarArea;
  /** The pending bit array (PBA): one bit for each vector, in words of 64 bits. */
  readonly pba: BarArea;
}

export const msix: Decode<MsixCapability> = (content) => {
  const control = content.u16(0x02);
  const vectors = (control & 0x7ff) + 1;
  return {
    vectors,
    enabled: (control & 0x8000) !== 0,
    masked: (control & 0x4000) !== 0,
    table: area(content.u32(0x04), vectors * 16),
    pba: area(content.u32(0x08), Math.ceil(vectors / 64) * 8),
  };
};

function area(register: number, byteLength: number): BarArea {
  return { bar: register & 0x7, offset: (register & ~0x7) >>> 0, byteLength };
}
