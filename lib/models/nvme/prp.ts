// SPDX-License-Identifier: MIT
// Follows the PRPs of a command, and moves its data (NVMe Base Specification 2.0, 4.1.1).
import type { NvmeHost } from './host.js';
import { demand, StatusCode } from './status.js';
import type { Submission } from './submission.js';

/** A part of the driver's memory that lies within one page. */
export interface Segment {
  readonly iova: bigint;
  readonly bytes: number;
}

/** Reads the data of a command from the driver's memory. */
export function readData(
  host: NvmeHost,
  command: Submission,
  bytes: number,
  page: number,
): Uint8Array {
  const data = new Uint8Array(bytes);
  let at = 0;
  for (const segment of segmentsOf(host, command, bytes, page)) {
    data.set(readOrFail(host, segment.iova, segment.bytes), at);
    at += segment.bytes;
  }
  return data;
}

/** Writes the data of a command to the driver's memory. */
export function writeData(
  host: NvmeHost,
  command: Submission,
  data: Uint8Array,
  page: number,
): void {
  let at = 0;
  for (const { iova, bytes } of segmentsOf(host, command, data.byteLength, page)) {
    const written = host.writeMemory(iova, data.subarray(at, at + bytes));
    demand(written, StatusCode.DATA_TRANSFER_ERROR);
    at += bytes;
  }
}

/** The memory that the PRPs of a command name, in order. `page` is the memory page size of CC.MPS, in bytes. */
export function segmentsOf(
  host: NvmeHost,
  command: Submission,
  bytes: number,
  page: number,
): Segment[] {
  const { prp1, prp2 } = command;
  demand((prp1 & 3n) === 0n, StatusCode.PRP_OFFSET_INVALID);
  const first = Math.min(bytes, page - offsetIn(prp1, page));
  const segments = [{ iova: prp1, bytes: first }];
  const rest = bytes - first;
  if (rest === 0) return segments;
  const entries = rest <= page ? [prp2] : readList(host, prp2, Math.ceil(rest / page), page);
  let left = rest;
  for (const iova of entries) {
    demand(offsetIn(iova, page) === 0, StatusCode.PRP_OFFSET_INVALID);
    const part = Math.min(left, page);
    segments.push({ iova, bytes: part });
    left -= part;
  }
  return segments;
}

/** Reads `count` entries of a PRP list. If they do not fit in a page, its last slot points to the next page. */
function readList(host: NvmeHost, list: bigint, count: number, page: number): bigint[] {
  demand((list & 7n) === 0n, StatusCode.PRP_OFFSET_INVALID);
  const slots = (page - offsetIn(list, page)) / 8;
  const entries = readWords(host, list, Math.min(count, slots));
  if (count <= slots) return entries;
  const next = entries.pop() as bigint;
  demand(offsetIn(next, page) === 0, StatusCode.PRP_OFFSET_INVALID);
  return [...entries, ...readList(host, next, count - entries.length, page)];
}

function readWords(host: NvmeHost, iova: bigint, count: number): bigint[] {
  const data = readOrFail(host, iova, count * 8);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Array.from({ length: count }, (_, i) => view.getBigUint64(8 * i, true));
}

function readOrFail(host: NvmeHost, iova: bigint, bytes: number): Uint8Array {
  const data = host.readMemory(iova, bytes);
  demand(data !== undefined, StatusCode.DATA_TRANSFER_ERROR);
  return data;
}

function offsetIn(iova: bigint, page: number): number {
  return Number(iova & BigInt(page - 1));
}
