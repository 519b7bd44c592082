// SPDX-License-Identifier: MIT
// DeviceInfo: the facts about an open device.
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
