// SPDX-License-Identifier: MIT
// The status values that the model reports (NVMe Base Specification 2.0, 3.3.3.2.1; NVM Command Set 1.0, 3.1.2).

/** Status Code Type << 8 | Status Code. */
export const StatusCode = {
  SUCCESS: 0x000,
  INVALID_OPCODE: 0x001,
  INVALID_FIELD: 0x002,
  DATA_TRANSFER_ERROR: 0x004,
  INTERNAL_ERROR: 0x006,
  ABORT_REQUESTED: 0x007,
  SQ_DELETED: 0x008,
  INVALID_NAMESPACE: 0x00b,
  COMMAND_SEQUENCE: 0x00c,
  PRP_OFFSET_INVALID: 0x013,
  LBA_OUT_OF_RANGE: 0x080,
  COMPLETION_QUEUE_INVALID: 0x100,
  INVALID_QUEUE_ID: 0x101,
  INVALID_QUEUE_SIZE: 0x102,
  EVENT_REQUEST_LIMIT: 0x105,
  INVALID_VECTOR: 0x108,
  INVALID_LOG_PAGE: 0x109,
  INVALID_QUEUE_DELETION: 0x10c,
  FEATURE_NOT_SAVEABLE: 0x10d,
  COMPARE_FAILURE: 0x285,
} as const;

/** Do Not Retry, in the Status Field without its phase bit. */
export const DNR = 0x4000;

/** The same command could succeed later. All other failures have {@link DNR} set. */
const RETRYABLE: readonly number[] = [
  StatusCode.DATA_TRANSFER_ERROR,
  StatusCode.ABORT_REQUESTED,
  StatusCode.SQ_DELETED,
  StatusCode.INTERNAL_ERROR,
];

/** The Status Field of a completion that reports this code. */
export function statusField(code: number): number {
  return code === StatusCode.SUCCESS || RETRYABLE.includes(code) ? code : code | DNR;
}

/** Ends the command that is being executed. Its status goes into the completion. */
export class CommandFailure extends Error {
  readonly status: number;

  constructor(code: number) {
    super(`the command fails with status 0x${code.toString(16)}`);
    this.status = statusField(code);
  }
}

/** Throws unless the condition holds. */
export function demand(condition: boolean, code: number): asserts condition {
  if (!condition) throw new CommandFailure(code);
}
