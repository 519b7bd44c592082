// SPDX-License-Identifier: MIT
// The errors that the driver throws.
import { doNotRetry, type Status, statusName } from './status.js';

export type NvmeErrorCode =
  /** The controller completed a command with an error; see `status`. */
  | 'ERR_NVME_STATUS'
  /** A command or a change of state took longer than allowed. */
  | 'ERR_NVME_TIMEOUT'
  /** The controller reported CSTS.CFS, or its registers read all ones. */
  | 'ERR_NVME_FATAL'
  /** The controller was closed, or is being closed or reset. */
  | 'ERR_NVME_CLOSED'
  /** The controller lacks what this driver needs. */
  | 'ERR_NVME_UNSUPPORTED';

export interface NvmeErrorOptions extends ErrorOptions {
  /** What to do next. It becomes the last line of the message. */
  readonly hint?: string;
}

/** Each error of the driver, except for a wrong argument (a TypeError or RangeError). */
export class NvmeError extends Error {
  readonly code: NvmeErrorCode;
  /** What to do next. */
  declare readonly hint?: string;

  constructor(code: NvmeErrorCode, message: string, options: NvmeErrorOptions = {}) {
    const { hint } = options;
    super(hint === undefined ? message : `${message}\n${hint}`, options);
    this.name = 'NvmeError';
    this.code = code;
    if (hint !== undefined) this.hint = hint;
  }
}

/** A command that the controller completed with an error. */
export class NvmeStatusError extends NvmeError {
  readonly status: Status;
  /** The specification's name, such as `LBA Out of Range`. */
  readonly statusName: string;
  readonly doNotRetry: boolean;

  constructor(what: string, status: Status, options?: NvmeErrorOptions) {
    super('ERR_NVME_STATUS', `${what}: ${statusName(status)}`, options);
    this.name = 'NvmeStatusError';
    this.status = status;
    this.statusName = statusName(status);
    this.doNotRetry = doNotRetry(status);
  }
}
