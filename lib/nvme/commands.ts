// SPDX-License-Identifier: MIT
// Opcodes, submission queue entries and the commands the driver sends (NVMe Base Specification 2.0, 3.3.3.1, 5).
// Reads, writes and flushes are in the NVM Command Set Specification 1.0, 3.2.
import { type DeviceMemory, firstPage } from './prp.js';

/** Admin commands (figure 138). */
export const AdminOpcode = {
  DELETE_IO_SQ: 0x00,
  CREATE_IO_SQ: 0x01,
  GET_LOG_PAGE: 0x02,
  DELETE_IO_CQ: 0x04,
  CREATE_IO_CQ: 0x05,
  IDENTIFY: 0x06,
  ABORT: 0x08,
  SET_FEATURES: 0x09,
  GET_FEATURES: 0x0a,
  ASYNCHRONOUS_EVENT_REQUEST: 0x0c,
  NAMESPACE_MANAGEMENT: 0x0d,
  FIRMWARE_COMMIT: 0x10,
  FIRMWARE_IMAGE_DOWNLOAD: 0x11,
  DEVICE_SELF_TEST: 0x14,
  NAMESPACE_ATTACHMENT: 0x15,
  KEEP_ALIVE: 0x18,
  DIRECTIVE_SEND: 0x19,
  DIRECTIVE_RECEIVE: 0x1a,
  VIRTUALIZATION_MANAGEMENT: 0x1c,
  FORMAT_NVM: 0x80,
  SECURITY_SEND: 0x81,
  SECURITY_RECEIVE: 0x82,
  SANITIZE: 0x84,
} as const;

/** I/O commands of the NVM command set. */
export const NvmOpcode = {
  FLUSH: 0x00,
  WRITE: 0x01,
  READ: 0x02,
  COMPARE: 0x05,
  WRITE_ZEROES: 0x08,
  DATASET_MANAGEMENT: 0x09,
} as const;

/** The name of an admin command for messages: `GET_LOG_PAGE`, or `Admin command 0xc1`. */
export function adminName(opcode: number): string {
  return nameIn(AdminOpcode, opcode) ?? `Admin command 0x${opcode.toString(16)}`;
}

/** The name of an I/O command for messages: `READ`, or `I/O command 0x7f`. */
export function nvmName(opcode: number): string {
  return nameIn(NvmOpcode, opcode) ?? `I/O command 0x${opcode.toString(16)}`;
}

function nameIn(opcodes: Readonly<Record<string, number>>, opcode: number): string | undefined {
  return Object.keys(opcodes).find((name) => opcodes[name] === opcode);
}

/** Identify: which structure to return, CDW10 bits 7:0. */
export const Cns = {
  NAMESPACE: 0x00,
  CONTROLLER: 0x01,
  ACTIVE_NAMESPACES: 0x02,
  NAMESPACE_DESCRIPTORS: 0x03,
} as const;

/** A submission queue entry is 64 bytes, a completion queue entry 16. */
export const SQE_DWORDS = 16;
export const CQE_DWORDS = 4;

/** Which way the data of a command goes. */
export type Direction = 'none' | 'toController' | 'fromController' | 'both';

/**
 * A command without its identifier (NVMe Base Specification 2.0, figures 86 and 87). A dword that you leave out is 0.
 */
export interface Command {
  /** From 0 to 255. */
  readonly opcode: number;
  /** The namespace; 0xffffffff means all namespaces. */
  readonly nsid?: number;
  readonly cdw2?: number;
  readonly cdw3?: number;
  readonly cdw10?: number;
  readonly cdw11?: number;
  readonly cdw12?: number;
  readonly cdw13?: number;
  readonly cdw14?: number;
  readonly cdw15?: number;
  /**
   * The data. Memory of the device (`device.allocDma`) is used where it is, from its start. The driver copies any
   * other bytes through memory that it allocates for the command.
   */
  readonly data?: DeviceMemory | Uint8Array;
  /** Which way the driver copies bytes. Default: what bits 1:0 of the opcode say (figure 138). */
  readonly direction?: Direction;
  /** The metadata pointer (MPTR): the start of this memory. */
  readonly metadata?: DeviceMemory;
}

const DIRECTIONS = ['none', 'toController', 'fromController', 'both'] as const;

/** Which way the data of a command goes: bits 1:0 of every opcode say it, also of vendor specific ones. */
export function directionOf({ opcode, direction }: Command): Direction {
  return direction ?? (DIRECTIONS[opcode & 3] as Direction);
}

/** Writes the dwords that few commands use. Returns whether any of them is not 0. */
export function putRareDwords(sq: Uint32Array, at: number, command: Partial<Command>): boolean {
  const { cdw2 = 0, cdw3 = 0, metadata, cdw13 = 0, cdw14 = 0, cdw15 = 0 } = command;
  const [low, high] = [metadata?.low(0) ?? 0, metadata?.high(0) ?? 0];
  sq[at + 2] = cdw2;
  sq[at + 3] = cdw3;
  sq[at + 4] = low;
  sq[at + 5] = high;
  sq[at + 13] = cdw13;
  sq[at + 14] = cdw14;
  sq[at + 15] = cdw15;
  return (cdw2 | cdw3 | low | high | cdw13 | cdw14 | cdw15) !== 0;
}

/** Identify (5.17). Its data is {@link IDENTIFY_BYTES} long. */
export function identify(cns: number, nsid = 0): Command {
  return { opcode: AdminOpcode.IDENTIFY, nsid, cdw10: cns };
}

export const IDENTIFY_BYTES = 4096;

/**
 * Create I/O Completion Queue (5.4) over contiguous memory. Without a vector the queue raises no interrupts, so
 * something must poll it.
 */
export function createCompletionQueue(
  qid: number,
  entries: number,
  vector: number | false,
  memory: DeviceMemory,
): Command {
  const cdw10 = (qid | ((entries - 1) << 16)) >>> 0;
  const cdw11 = vector === false ? 0b01 : (0b11 | (vector << 16)) >>> 0;
  return { opcode: AdminOpcode.CREATE_IO_CQ, cdw10, cdw11, data: firstPage(memory) };
}

/** Create I/O Submission Queue (5.5) over contiguous memory; it completes to the queue with the same number. */
export function createSubmissionQueue(qid: number, entries: number, memory: DeviceMemory): Command {
  const cdw10 = (qid | ((entries - 1) << 16)) >>> 0;
  const cdw11 = (0b1 | (qid << 16)) >>> 0;
  return { opcode: AdminOpcode.CREATE_IO_SQ, cdw10, cdw11, data: firstPage(memory) };
}

/** Delete I/O Submission Queue (5.7). */
export function deleteSubmissionQueue(qid: number): Command {
  return { opcode: AdminOpcode.DELETE_IO_SQ, cdw10: qid };
}

/** Delete I/O Completion Queue (5.6), after the submission queues that complete to it. */
export function deleteCompletionQueue(qid: number): Command {
  return { opcode: AdminOpcode.DELETE_IO_CQ, cdw10: qid };
}

/** Abort (5.1): asks for the end of command `cid` of submission queue `sqid`. */
export function abort(sqid: number, cid: number): Command {
  return { opcode: AdminOpcode.ABORT, cdw10: (sqid | (cid << 16)) >>> 0 };
}
