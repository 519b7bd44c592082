// SPDX-License-Identifier: MIT
// Decodes the lines in which an IOMMU of Arm (SMMUv2, SMMUv3) says that it stopped a device.
import type { FaultReason, IommuFault } from './fault.js';

// "arm-smmu 5000000.iommu: Unhandled context fault: fsr=0x402, iova=0x1000, fsynr=0x11, cbfrsynra=0x100, cb=2"
const contextFault =
  /Unhandled context fault: fsr=0x([\da-f]+), iova=0x([\da-f]+), fsynr=0x([\da-f]+)(?:, cbfrsynra=0x([\da-f]+))?/;
/** Bits of FSR and FSYNR0 (Arm SMMU v2, 16.5). */
const status = { translation: 1 << 1, permission: 1 << 3 };
const isWrite = 1 << 4;

/** SMMUv2. */
export function decodeContextFault(line: string): IommuFault | undefined {
  const [, fsr = '', iova, fsynr = '', stream] = contextFault.exec(line) ?? [];
  if (iova === undefined) return undefined;
  return {
    device: stream === undefined ? 'a device' : `stream ID 0x${stream}`,
    access: (Number.parseInt(fsynr, 16) & isWrite) === 0 ? 'read' : 'write',
    iova: BigInt(`0x${iova}`),
    isPage: false,
    reason: reasonOf(Number.parseInt(fsr, 16)),
  };
}

function reasonOf(fsr: number): FaultReason {
  if ((fsr & status.translation) !== 0) return 'not-mapped';
  return (fsr & status.permission) !== 0 ? 'forbidden' : 'other';
}

/** F_TRANSLATION, F_ADDR_SIZE, F_ACCESS, F_PERMISSION (Arm SMMU v3, 7.3). */
const events: Readonly<Record<string, FaultReason>> = {
  10: 'not-mapped',
  11: 'out-of-reach',
  12: 'forbidden',
  13: 'forbidden',
};
const isRead = 1n << 35n;

/**
 * SMMUv3: "arm-smmu-v3 arm-smmu-v3.0.auto: event 0x10 received:". Its four words are in the lines `after` it, each
 * after a tab, which /dev/kmsg writes as `\x09`. From Linux 6.15 on, a line with the device's address follows them.
 */
export function decodeEvent(line: string, after: readonly string[]): IommuFault | undefined {
  const reason = events[/: event 0x(\w+) received:/.exec(line)?.[1] ?? ''];
  const words = after.flatMap((one) => /: (?:\t|\\x09)0x([\da-f]{16})$/.exec(one)?.[1] ?? []);
  const [first, second, iova] = words.map((word) => BigInt(`0x${word}`));
  if (reason === undefined || first === undefined || second === undefined || iova === undefined) {
    return undefined;
  }
  const [client] = after.flatMap((one) => / client: ([\da-f]{4}:\S+) /.exec(one)?.[1] ?? []);
  return {
    device: client ?? `stream ID 0x${(first >> 32n).toString(16)}`,
    access: (second & isRead) === 0n ? 'write' : 'read',
    iova,
    isPage: false,
    reason,
  };
}

/** How many lines behind its first an event can have. */
export const linesOfEvent = 5;
