// SPDX-License-Identifier: MIT
// Decodes the lines in which Intel's IOMMU (VT-d, "DMAR") says that it stopped a device.
import { type FaultReason, fullAddress, type IommuFault } from './fault.js';

// "DMAR: [DMA Read NO_PASID] Request device [00:01.0] fault addr 0x1000 [fault reason 0x06] PTE Read access is not set".
// Newer kernels have the PCI domain in the address; older ones have no 0x, or a PASID before the address.
const pattern =
  /DMAR: ?\[DMA (Read|Write)[^\]]*\] Request device \[([\da-f:.]+)\].* fault addr (?:0x)?([\da-f]+) \[fault reason \w+\] (.*)/;

export function decodeDmar(line: string): IommuFault | undefined {
  const [, access, device = '', iova, words = ''] = pattern.exec(line) ?? [];
  if (iova === undefined) return undefined;
  return {
    device: fullAddress(device),
    access: access === 'Read' ? 'read' : 'write',
    iova: BigInt(`0x${iova}`),
    isPage: true,
    reason: reasons.find(([known]) => known.test(words))?.[1] ?? 'other',
  };
}

/** By the kernel's words for both modes of VT-d; those of the scalable mode begin with "SM:". */
const reasons: readonly (readonly [RegExp, FaultReason])[] = [
  [/^PTE (Read|Write) access is not set|paging entry is clear|permission/i, 'not-mapped'],
  [/MGAW|beyond the|not canonical/, 'out-of-reach'],
  [/(root|context|directory|table) entry is clear|specifies blocking/i, 'detached'],
];
