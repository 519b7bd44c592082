// SPDX-License-Identifier: MIT
// Ends a process while its device writes to its memory, and watches that memory afterwards.
import { randomBytes, randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { edu } from '../../vm/devices.js';
import { readMemory } from '../../vm/host.js';
import type { Peer } from './peer.js';
import { physicalAddress } from './physical-memory.js';

/** edu waits about this long before it moves anything. */
const TRANSFER_MS = 100;
/** Longer than any transfer that began before the process ended. */
const SETTLE_MS = 250;
const BYTES = 1024;
/** The unit of comparison. Two random blocks are equal with a probability of 1 in 2^128. */
const BLOCK_BYTES = 16;

/** What the memory shows afterwards. */
export interface InterruptedTransfer {
  /** Whether the device wrote before the process ended. */
  landed: boolean;
  /** How many bytes of the transfer were written after the process ended. Must be 0. */
  writtenAfterEnd: number;
  /** How many bytes were compared to find that out. */
  bytesCompared: number;
}

/**
 * Opens edu in the peer and begins a transfer. `end` ends the process at a random point of the transfer. edu must be
 * bound to vfio-pci.
 */
export async function interruptTransfer(
  peer: Peer,
  end: (peer: Peer) => Promise<unknown>,
): Promise<InterruptedTransfer> {
  await peer.call('openDevice', edu.address);
  const pattern = randomBytes(BYTES);
  const iova = await peer.call('prepareTransfer', pattern);
  const address = await physicalAddress(edu, iova);
  await peer.call('startTransfer');
  await sleep(randomInt(TRANSFER_MS + 20));
  await end(peer);
  await peer.ended;
  const before = await readMemory(address, BYTES);
  await sleep(SETTLE_MS);
  const after = await readMemory(address, BYTES);
  const earlier = blocksOf(pattern, before);
  const newBlocks = [...blocksOf(pattern, after)].filter((block) => !earlier.has(block));
  return {
    landed: earlier.size > 0,
    // The kernel owns the memory again and may overwrite it, so blocks can also disappear. Only new blocks count.
    writtenAfterEnd: newBlocks.length * BLOCK_BYTES,
    bytesCompared: Math.min(before.length, after.length),
  };
}

/** Returns the offsets of the blocks that match the pattern. */
function blocksOf(pattern: Buffer, memory: Buffer): Set<number> {
  const blocks = new Set<number>();
  for (let at = 0; at < BYTES; at += BLOCK_BYTES) {
    const block = pattern.subarray(at, at + BLOCK_BYTES);
    if (block.equals(memory.subarray(at, at + BLOCK_BYTES))) blocks.add(at);
  }
  return blocks;
}
