// SPDX-License-Identifier: MIT
// What an open device says about itself, and about those that a hot reset takes along.
import type { RegionInfo } from './region-info.js';

/** What an open device says about itself; it stays readable after close. */
export interface DeviceInfo {
  /** Vendor ID, from config space. */
  readonly vendorId: number;
  /** Device ID, from config space. */
  readonly deviceId: number;
  /** Base class, subclass and programming interface, 24 bits: `0x010802` is NVMe. */
  readonly classCode: number;
  /** `VFIO_DEVICE_FLAGS_RESET`: {@link Device.reset} works. */
  readonly resettable: boolean;
  /** The regions it has. A BAR that is not implemented is absent; the others keep their number. */
  readonly regions: readonly RegionInfo[];
  /** Its IOMMU group. */
  readonly group: number | undefined;
}

/** A device that a hot reset resets ({@link Device.hotResetInfo}). */
export interface AffectedDevice {
  /** Its full PCI address. */
  readonly address: string;
  /** Its IOMMU group. */
  readonly group: number;
}
