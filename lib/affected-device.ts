// SPDX-License-Identifier: MIT
// AffectedDevice: a device that a hot reset affects.

/** A device that a hot reset affects: it is reset too ({@link Device.hotResetInfo}). */
export interface AffectedDevice {
  /** The full PCI address of the device, like `0000:01:00.0`. */
  readonly address: string;
  /** The number of its IOMMU group. */
  readonly group: number;
}
