// SPDX-License-Identifier: MIT
// Why a read or write is refused before anything is submitted: each reason in words.
import { NvmeError } from './errors.js';
import type { NamespaceIdentity } from './identify.js';
import type { DeviceMemory } from './prp.js';

/** Whether the driver can read and write blocks of this format: without metadata, and of at least 512 bytes. */
export function isSupported({ metadataBytes, blockBytes }: NamespaceIdentity): boolean {
  // LBADS below 9 is reserved. With it, NLB could exceed its 16 bits.
  return metadataBytes === 0 && blockBytes >= 512;
}

/** Returns the error for a transfer that the namespace or the memory does not allow. Undefined if both do. */
export function refusalOf(
  identity: NamespaceIdentity,
  lba: number,
  memory: DeviceMemory,
  offset: number,
  bytes: number,
): Error | undefined {
  const { nsid, blockBytes, metadataBytes } = identity;
  if (!isSupported(identity)) {
    const format = `blocks of ${blockBytes} bytes with ${metadataBytes} of metadata`;
    return new NvmeError('ERR_NVME_UNSUPPORTED', `Namespace ${nsid} has ${format}`);
  }
  const wrongBlock = refusedNumber(lba);
  if (wrongBlock !== undefined) return wrongBlock;
  if (!Number.isSafeInteger(bytes) || bytes <= 0 || bytes % blockBytes !== 0) {
    return new RangeError(`Expected a multiple of ${blockBytes} bytes but received ${bytes}`);
  }
  // PRPs are dword addresses (4.1.1).
  if (!Number.isSafeInteger(offset) || offset < 0 || offset % 4 !== 0) {
    return new RangeError(`Expected an offset that is a multiple of 4 but received ${offset}`);
  }
  if (offset + bytes > memory.byteLength) {
    return new RangeError(
      `${bytes} bytes at offset ${offset} end beyond the ${memory.byteLength} bytes of the memory`,
    );
  }
  return beyondEnd(identity, lba, bytes / blockBytes);
}

/** Throws a RangeError unless these are blocks of the namespace. */
export function mustBeBlocks(identity: NamespaceIdentity, lba: number, blocks: number): void {
  const wrongBlock = refusedNumber(lba);
  if (wrongBlock !== undefined) throw wrongBlock;
  if (!Number.isSafeInteger(blocks) || blocks < 1) {
    throw new RangeError(`Expected a number of blocks from 1 but received ${blocks}`);
  }
  const refusal = beyondEnd(identity, lba, blocks);
  if (refusal !== undefined) throw refusal;
}

function refusedNumber(lba: number): RangeError | undefined {
  if (Number.isSafeInteger(lba) && lba >= 0) return undefined;
  return new RangeError(`Expected a block number but received ${lba}`);
}

function beyondEnd(
  { nsid, nsze }: NamespaceIdentity,
  lba: number,
  blocks: number,
): RangeError | undefined {
  if (BigInt(lba) + BigInt(blocks) <= nsze) return undefined;
  return new RangeError(
    `${blocks} blocks at LBA ${lba} end beyond namespace ${nsid}, which has ${nsze} blocks`,
  );
}
