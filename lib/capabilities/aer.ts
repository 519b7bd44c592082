// SPDX-License-Identifier: MIT
// Advanced error reporting (AER): the errors that a function has seen.
import type { CapabilityHeader, Decode } from './header.js';

/**
 * Advanced error reporting (PCI Express Base 6.0, section 7.8.4; `PCI_EXT_CAP_ID_ERR`, 0x0001). Each number is a
 * 32-bit register; the specification says which error each bit means.
 *
 * Under vfio-pci these registers read as the device has them. The kernel handles errors too, and clears the status
 * of those that it handled: the device's `fault` event reports them.
 */
export interface AerCapability extends CapabilityHeader<'aer'> {
  /** Errors that lost data. */
  readonly uncorrectable: {
    /** Which errors have occurred. */
    readonly status: number;
    /** Which errors the function does not report. */
    readonly mask: number;
    /** Which errors are fatal. */
    readonly severity: number;
  };
  /** Errors that the hardware corrected. */
  readonly correctable: {
    /** Which errors have occurred. */
    readonly status: number;
    /** Which errors the function does not report. */
    readonly mask: number;
  };
  /** The four dwords of the packet that caused the first uncorrectable error. */
  readonly headerLog: readonly number[];
}

export const aer: Decode<AerCapability> = (content) => ({
  uncorrectable: {
    status: content.u32(0x04),
    mask: content.u32(0x08),
    severity: content.u32(0x0c),
  },
  correctable: { status: content.u32(0x10), mask: content.u32(0x14) },
  headerLog: [0x1c, 0x20, 0x24, 0x28].map((at) => content.u32(at)),
});
