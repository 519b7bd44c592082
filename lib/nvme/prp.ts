// SPDX-License-Identifier: MIT
// Physical Region Pages: how a command says where its data is (NVMe Base Specification 2.0, 4.1.1). An entry is the
// 64-bit address of a page; only the first may point into the middle of its page.

/** The driver uses 4 KiB pages (CC.MPS = 0), the size every controller on PCs supports. */
export const PAGE_BYTES = 4096;
const ENTRIES_PER_PAGE = PAGE_BYTES / 8;

/** Memory that the device reaches, such as a `DmaBuffer` of the library. */
export interface DeviceMemory {
  readonly byteLength: number;
  readonly u32: Uint32Array;
  /** The low 32 bits of the address the device uses for the byte at `offset`. */
  low(offset: number): number;
  /** The high 32 bits of that address. */
  high(offset: number): number;
}

/** The DPTR field of a command. The driver reuses one object, so that it allocates nothing per command. */
export interface DataPointer {
  prp1Low: number;
  prp1High: number;
  prp2Low: number;
  prp2High: number;
}

export function emptyDataPointer(): DataPointer {
  return { prp1Low: 0, prp1High: 0, prp2Low: 0, prp2High: 0 };
}

/** The first page of memory that is contiguous for the device, for commands that only point to its start. */
export function firstPage(memory: DeviceMemory): DeviceMemory {
  return {
    byteLength: Math.min(memory.byteLength, PAGE_BYTES),
    u32: memory.u32,
    low: (offset) => memory.low(offset),
    high: (offset) => memory.high(offset),
  };
}

/** How many list pages a transfer of up to `bytes` needs, if it can start anywhere in a page. */
export function listPagesFor(bytes: number): number {
  // The number of entries besides PRP1, if the data starts in the middle of a page.
  const entries = Math.ceil(bytes / PAGE_BYTES);
  if (entries <= 1) return 0;
  // The last slot of each list page, except in the last page, points to the next list page.
  return Math.ceil((entries - 1) / (ENTRIES_PER_PAGE - 1));
}

/**
 * Describes `bytes` of `data`, starting at `offset`. Up to two pages fit in PRP1 and PRP2. For more
 * pages, PRP2 points to a list, which is written to `list`, starting at `listOffset`.
 */
export function describe(
  pointer: DataPointer,
  data: DeviceMemory,
  offset: number,
  bytes: number,
  list: DeviceMemory,
  listOffset: number,
): void {
  pointer.prp1Low = data.low(offset);
  pointer.prp1High = data.high(offset);
  pointer.prp2Low = 0;
  pointer.prp2High = 0;
  const second = offset + PAGE_BYTES - (pointer.prp1Low & (PAGE_BYTES - 1));
  const end = offset + bytes;
  if (second >= end) return;
  if (second + PAGE_BYTES >= end) {
    pointer.prp2Low = data.low(second);
    pointer.prp2High = data.high(second);
    return;
  }
  pointer.prp2Low = list.low(listOffset);
  pointer.prp2High = list.high(listOffset);
  writeList(data, second, end, list, listOffset);
}

function writeList(
  data: DeviceMemory,
  from: number,
  end: number,
  list: DeviceMemory,
  listOffset: number,
): void {
  let at = listOffset;
  for (let page = from; page < end; page += PAGE_BYTES) {
    const lastSlot = (at + 8) % PAGE_BYTES === 0;
    if (lastSlot && page + PAGE_BYTES < end) {
      // There are more entries than fit in this page, so its last slot points to the next list page.
      putAddress(list, at, list, at + 8);
      at += 8;
    }
    putAddress(list, at, data, page);
    at += 8;
  }
}

function putAddress(list: DeviceMemory, at: number, target: DeviceMemory, offset: number): void {
  list.u32[at / 4] = target.low(offset);
  list.u32[at / 4 + 1] = target.high(offset);
}
