// SPDX-License-Identifier: MIT
// A submission queue entry, decoded (NVMe Base Specification 2.0, figure 86).

export const SQE_BYTES = 64;

/** A command as the driver submitted it. */
export interface Submission {
  /** The submission queue that it came from. 0 is the admin queue. */
  readonly queue: number;
  readonly cid: number;
  readonly opcode: number;
  /** FUSE. The model executes no fused commands. */
  readonly fused: number;
  /** PSDT: 0 for PRPs. The model has no SGLs. */
  readonly psdt: number;
  readonly nsid: number;
  readonly prp1: bigint;
  readonly prp2: bigint;
  readonly cdw10: number;
  readonly cdw11: number;
  readonly cdw12: number;
  readonly cdw13: number;
  readonly cdw14: number;
  readonly cdw15: number;
}

export function parseSubmission(queue: number, entry: Uint8Array): Submission {
  const view = new DataView(entry.buffer, entry.byteOffset, entry.byteLength);
  const dword = (index: number) => view.getUint32(4 * index, true);
  return {
    queue,
    cid: view.getUint16(2, true),
    opcode: view.getUint8(0),
    fused: view.getUint8(1) & 3,
    psdt: view.getUint8(1) >> 6,
    nsid: dword(1),
    prp1: view.getBigUint64(24, true),
    prp2: view.getBigUint64(32, true),
    cdw10: dword(10),
    cdw11: dword(11),
    cdw12: dword(12),
    cdw13: dword(13),
    cdw14: dword(14),
    cdw15: dword(15),
  };
}
