// SPDX-License-Identifier: MIT
// Address translation services (ATS): a device that asks the IOMMU for translations and caches them.
import type { CapabilityHeader, Decode } from './header.js';

/**
 * Address translation services (PCI Express Base 6.0, section 10.5.1; `PCI_EXT_CAP_ID_ATS`, 0x000f).
 *
 * Only the kernel turns ATS on. vfio-pci drops writes to these registers, and reads are those of the device.
 */
export interface AtsCapability extends CapabilityHeader<'ats'> {
  /** Whether the kernel has turned ATS on. */
  readonly enabled: boolean;
  /** How many invalidations the function can hold, from 1 to 32. */
  readonly invalidateQueueDepth: number;
  /** Whether the function asks only for addresses that are aligned to a page. */
  readonly pageAlignedRequests: boolean;
  /** The smallest translation unit, in bytes. */
  readonly smallestTranslationUnit: number;
}

export const ats: Decode<AtsCapability> = (content) => {
  const [capabilities, control] = [content.u16(0x04), content.u16(0x06)];
  return {
    enabled: (control & 0x8000) !== 0,
    // 0 stands for 32.
    invalidateQueueDepth: capabilities & 0x1f || 32,
    pageAlignedRequests: (capabilities & 0x20) !== 0,
    smallestTranslationUnit: 4096 * 2 ** (control & 0x1f),
  };
};
