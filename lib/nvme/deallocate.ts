// SPDX-License-Identifier: MIT
// The ranges of Dataset Management (NVM Command Set Specification 1.0, 3.2.3), 16 bytes each.
import { NvmeError } from './errors.js';
import type { NamespaceIdentity } from './identify.js';
import type { DeviceMemory } from './prp.js';
import { mustBeBlocks } from './transfer-refusal.js';

/** CDW11: Attribute Deallocate. */
export const AD = 1 << 2;

const RANGE_BYTES = 16;
const MAX_RANGES = 256;
/** The length of a range has 32 bits. */
const MAX_BLOCKS = 0xffff_ffff;

/** Blocks of a namespace. */
export interface BlockRange {
  /** The first block. */
  readonly lba: number;
  /** How many blocks, from 1 to 2^32 - 1. */
  readonly blocks: number;
}

/** Throws a RangeError for none or too many ranges, and for blocks that the namespace does not have. */
export function checkRanges(identity: NamespaceIdentity, ranges: readonly BlockRange[]): void {
  const { length } = ranges;
  if (length < 1 || length > MAX_RANGES) {
    throw new RangeError(`Expected 1 to ${MAX_RANGES} ranges but received ${length}`);
  }
  for (const { lba, blocks } of ranges) {
    mustBeBlocks(identity, lba, blocks);
    if (blocks > MAX_BLOCKS) {
      throw new RangeError(
        `Expected a range of at most ${MAX_BLOCKS} blocks but received ${blocks}`,
      );
    }
  }
}

/** Writes the ranges to memory that has `bytes` bytes for them at `at`. */
export function putRanges(
  { u32 }: DeviceMemory,
  at: number,
  bytes: number,
  ranges: readonly BlockRange[],
): void {
  if (ranges.length * RANGE_BYTES > bytes) {
    const memory = `A command of this queue has ${bytes} bytes for ranges`;
    throw new NvmeError(
      'ERR_NVME_UNSUPPORTED',
      `${memory}, and ${ranges.length} ranges need ${ranges.length * RANGE_BYTES}`,
      { hint: 'Pass fewer ranges, or open the controller with a larger maxTransferBytes.' },
    );
  }
  for (const [index, { lba, blocks }] of ranges.entries()) {
    const dword = (at + index * RANGE_BYTES) / 4;
    u32[dword] = 0; // the context attributes are hints that this driver does not give
    u32[dword + 1] = blocks;
    u32[dword + 2] = lba;
    u32[dword + 3] = lba / 2 ** 32;
  }
}
