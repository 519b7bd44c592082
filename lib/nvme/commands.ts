// SPDX-License-Identifier: MIT
// Opcodes, submission queue entries and the commands the driver sends (NVMe Base Specification 2.0, 3.3.3.1, 5).
// Reads, writes and flushes are in the NVM Command Set Specification 1.0, 3.2.
/** Admin commands (figure 138). */
export const AdminOpcode = {
  DELETE_IO_SQ: 0x00,
  CREATE_IO_SQ: 0x01,
  DELETE_IO_CQ: 0x04,
  CREATE_IO_CQ: 0x05,
  IDENTIFY: 0x06,
  SET_FEATURES: 0x09,
} as const;

/** I/O commands of the NVM command set. */
export const NvmOpcode = {
  FLUSH: 0x00,
  WRITE: 0x01,
  READ: 0x02,
} as const;

/** Identify: which structure to return, CDW10 bits 7:0. */
export const Cns = {
  NAMESPACE: 0x00,
  CONTROLLER: 0x01,
  ACTIVE_NAMESPACES: 0x02,
} as const;

export const FeatureId = {
  NUMBER_OF_QUEUES: 0x07,
} as const;

/** A submission queue entry is 64 bytes, a completion queue entry 16. */
export const SQE_DWORDS = 16;
export const CQE_DWORDS = 4;

/** A command without its identifier and its data pointer. */
export interface Command {
  readonly opcode: number;
  readonly nsid?: number;
  readonly cdw10?: number;
  readonly cdw11?: number;
  readonly cdw12?: number;
}

/** Identify (5.17). Its data is {@link IDENTIFY_BYTES} long. */
export function identify(cns: number, nsid = 0): Command {
  return { opcode: AdminOpcode.IDENTIFY, nsid, cdw10: cns };
}

export const IDENTIFY_BYTES = 4096;

/** Set Features, Number of Queues (5.27.1.5): counts are 0's based, also in the result. */
export function setNumberOfQueues(submission: number, completion: number): Command {
  const cdw11 = (submission - 1) | ((completion - 1) << 16);
  return { opcode: AdminOpcode.SET_FEATURES, cdw10: FeatureId.NUMBER_OF_QUEUES, cdw11 };
}

/** Create I/O Completion Queue (5.4): contiguous (PC), interrupts enabled (IEN). */
export function createCompletionQueue(qid: number, entries: number, vector: number): Command {
  const cdw10 = qid | ((entries - 1) << 16);
  return { opcode: AdminOpcode.CREATE_IO_CQ, cdw10, cdw11: 0b11 | (vector << 16) };
}

/** Create I/O Submission Queue (5.5): contiguous; it completes to the queue with the same number. */
export function createSubmissionQueue(qid: number, entries: number): Command {
  const cdw10 = qid | ((entries - 1) << 16);
  return { opcode: AdminOpcode.CREATE_IO_SQ, cdw10, cdw11: 0b1 | (qid << 16) };
}

/** Delete I/O Submission Queue (5.7). */
export function deleteSubmissionQueue(qid: number): Command {
  return { opcode: AdminOpcode.DELETE_IO_SQ, cdw10: qid };
}

/** Delete I/O Completion Queue (5.6), after the submission queues that complete to it. */
export function deleteCompletionQueue(qid: number): Command {
  return { opcode: AdminOpcode.DELETE_IO_CQ, cdw10: qid };
}
