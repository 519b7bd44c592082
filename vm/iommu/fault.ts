// SPDX-License-Identifier: MIT
// An access of a device that an IOMMU stopped, as the lines of each make of IOMMU are decoded to.

export interface IommuFault {
  /** `0000:00:01.0`, or the name that the IOMMU has for it if its log does not have the address. */
  readonly device: string;
  /** Undefined if the log does not say. */
  readonly access: 'read' | 'write' | undefined;
  /** Where the device reached: the address itself, or the start of its page if the log has no more. */
  readonly iova: bigint;
  readonly isPage: boolean;
  readonly reason: FaultReason;
}

export type FaultReason =
  /** Nothing is mapped there, or not for this access: VT-d does not tell these apart. */
  | 'not-mapped'
  /** Something is mapped there, but not for this access. */
  | 'forbidden'
  /** The address has more bits than the IOMMU translates. */
  | 'out-of-reach'
  /** The device has no mappings at all. */
  | 'detached'
  | 'other';

/** With the PCI domain, which older kernels leave out. */
export function fullAddress(address: string): string {
  return /^[\da-f]{2}:/.test(address) ? `0000:${address}` : address;
}
