// SPDX-License-Identifier: MIT
// The opcodes that the model executes, and what the effects log says about each (5.16.1.6).

/** Admin commands (NVMe Base Specification 2.0, figure 138). */
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
  ASYNC_EVENT_REQUEST: 0x0c,
} as const;

/** I/O commands (NVM Command Set Specification 1.0, figure 16). */
export const NvmOpcode = {
  FLUSH: 0x00,
  WRITE: 0x01,
  READ: 0x02,
  COMPARE: 0x05,
  WRITE_ZEROES: 0x08,
  DATASET_MANAGEMENT: 0x09,
} as const;

/** I/O commands that change the contents of a namespace (LBCC). */
export const CHANGES_CONTENT: readonly number[] = [
  NvmOpcode.WRITE,
  NvmOpcode.WRITE_ZEROES,
  NvmOpcode.DATASET_MANAGEMENT,
];
