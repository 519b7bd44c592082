// SPDX-License-Identifier: MIT
// Executes Get Log Page (NVMe Base Specification 2.0, 5.16).
import { LogId } from './log-ids.js';
import { PAGE_BYTES, type Parts } from './parts.js';
import { writeData } from './prp.js';
import { demand, StatusCode } from './status.js';
import type { Submission } from './submission.js';

const ALL_NAMESPACES = 0xffff_ffff;
/** CDW10: reading this page does not allow the next event (Retain Asynchronous Event). */
const RETAIN = 1 << 15;

/** The bytes past the end of a page are zeros. The page is read as a whole, also if only a part is returned. */
export function getLogPage({ host, logs, events }: Parts, command: Submission): number {
  const { nsid, cdw10, cdw11, cdw12, cdw13 } = command;
  const log = cdw10 & 0xff;
  const page = logs.page(log);
  demand(page !== undefined, StatusCode.INVALID_LOG_PAGE);
  const ofController = nsid === 0 || nsid === ALL_NAMESPACES;
  demand(log !== LogId.SMART || ofController, StatusCode.INVALID_FIELD);
  const bytes = 4 * ((cdw10 >>> 16) + (cdw11 & 0xffff) * 0x1_0000 + 1);
  const offset = cdw12 + cdw13 * 2 ** 32;
  demand(offset % 4 === 0 && offset <= page.byteLength, StatusCode.INVALID_FIELD);
  demand(bytes <= MOST_BYTES, StatusCode.INVALID_FIELD);
  const data = new Uint8Array(bytes);
  data.set(page.subarray(offset, offset + bytes));
  writeData(host, command, data, PAGE_BYTES);
  if ((cdw10 & RETAIN) === 0) {
    logs.wasRead(log);
    events.logRead(log);
  }
  return 0;
}

/** The model has no longer page, and does not allocate what a wrong length asks for. */
const MOST_BYTES = 64 * 1024;
