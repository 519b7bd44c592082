// SPDX-License-Identifier: MIT
// For a device that no IOMMU isolates: whether any IOMMU of the machine is active.
import { listNames } from '../sysfs/files.js';
import type { Refusal } from './finding.js';

/** The finding for a device that is in no IOMMU group. */
export function notIsolated(address: string, root: string): Refusal {
  const isAnyIommuOn = listNames(`${root}/sys/class/iommu`).length > 0;
  return { finding: 'not-isolated', address, isAnyIommuOn };
}
