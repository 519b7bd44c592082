// SPDX-License-Identifier: MIT
// The facts about an open device, and about the devices that a hot reset affects.
import type { RegionInfo } from './region-info.js';

/** The facts about an open device. They stay readable after close. */
export interface DeviceInfo {
  /** PCI vendor ID, 16 bits, from config space. */
  readonly vendorId: number;
  /** PCI device ID, 16 bits, from config space. */
  readonly deviceId: number;
  /** Base class, subclass and programming interface, 24 bits: `0x010802` is NVMe. */
  readonly classCode: number;
  /**
   * Whether {@link Device.reset} works: the kernel can reset this device alone (`VFIO_DEVICE_FLAGS_RESET`).
   */
  readonly resettable: boolean;
  /**
   * The regions that the device has, in the order of their index. A BAR that the device does not implement is
   * missing from the list, and the other BARs keep their number.
   */
  readonly regions: readonly RegionInfo[];
  /** The number of its IOMMU group; undefined if the back end has no groups. */
  readonly group: number | undefined;
}

/** A device that a hot reset affects: it is reset too ({@link Device.hotResetInfo}). */
export interface AffectedDevice {
  /** The full PCI address of the device, like `0000:01:00.0`. */
  readonly address: string;
  /** The number of its IOMMU group. */
  readonly group: number;
}
