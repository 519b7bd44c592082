// SPDX-License-Identifier: MIT
// A process that ends while its device is writing to its memory, with that memory watched afterwards.
import { randomBytes, randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { edu } from '../../vm/devices.js';
import { readMemory } from '../../vm/host.js';
import type { Peer } from './peer.js';
import { physicalAddress } from './physical-memory.js';

/** About what edu takes before it moves anything. */
const TRANSFER_MS = 100;
/** Longer than any transfer that was begun before. */
const SETTLE_MS = 250;
const BYTES = 1024;
/** What is compared; by chance it is equal once in 2^128. */
const BLOCK_BYTES = 16;

/** What became of the memory. */
export interface InterruptedTransfer {
  /** Whether the device had written before the end. */
  landed: boolean;
  /** How many bytes of what it was to write came after the end: none may. */
  writtenAfterEnd: number;
  /** How many bytes were compared to know that. */
  bytesCompared: number;
}

/**
 * Opens edu in that process and begins a transfer; `end` ends the process at a random point of it. edu has to
 * be bound to vfio-pci.
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
    // The memory is the kernel's again: what was there before may have gone meanwhile.
    writtenAfterEnd: newBlocks.length * BLOCK_BYTES,
    bytesCompared: Math.min(before.length, after.length),
  };
}

/** Where the pattern is as the device was to write it. */
function blocksOf(pattern: Buffer, memory: Buffer): Set<number> {
  const blocks = new Set<number>();
  for (let at = 0; at < BYTES; at += BLOCK_BYTES) {
    const block = pattern.subarray(at, at + BLOCK_BYTES);
    if (block.equals(memory.subarray(at, at + BLOCK_BYTES))) blocks.add(at);
  }
  return blocks;
}
