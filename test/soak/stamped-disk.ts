// SPDX-License-Identifier: MIT
// Blocks of a disk that contain their own location and the number of the write. This shows a write or a read that went
// to the wrong place, was lost or was torn.
import { randomFillSync, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Namespace } from '../../lib/nvme/namespace.js';
import type { DmaBuffer } from '../../lib/index.js';

const BLOCK_BYTES = 512;
const CHUNK_BLOCKS = 64;
/** The bytes that one write or read moves. */
export const CHUNK_BYTES = CHUNK_BLOCKS * BLOCK_BYTES;
const CHUNKS = 512;
/** LBA, generation, and the CRC-32 of these two and the rest of the block. */
const STAMP_BYTES = 12;
/** The generation of a chunk that was never written, or whose write failed: its contents are unknown. */
const UNKNOWN = 0;

export class StampedDisk {
  readonly #generations = new Uint32Array(CHUNKS).fill(UNKNOWN);
  #generation = UNKNOWN;

  /** Writes a random chunk of a lane, from the lane's part of `memory`. */
  async write(namespace: Namespace, memory: DmaBuffer, lane: Lane): Promise<void> {
    const chunk = randomInt(CHUNKS / lane.of) * lane.of + lane.number;
    const generation = ++this.#generation;
    const bytes = laneBytes(memory, lane);
    randomFillSync(bytes);
    for (const [lba, block] of blocksOf(chunk, bytes)) stamp(block, lba, generation);
    this.#generations[chunk] = UNKNOWN;
    await namespace.write(chunk * CHUNK_BLOCKS, memory, lane.number * CHUNK_BYTES, CHUNK_BYTES);
    this.#generations[chunk] = generation;
  }

  /** Reads a written chunk of a lane. Returns how many bytes were right, and throws at the first wrong block. */
  async verify(namespace: Namespace, memory: DmaBuffer, lane: Lane): Promise<number> {
    const chunk = this.#someWritten(lane);
    if (chunk === undefined) return 0;
    const bytes = laneBytes(memory, lane).fill(0xff);
    await namespace.read(chunk * CHUNK_BLOCKS, memory, lane.number * CHUNK_BYTES, CHUNK_BYTES);
    const generation = this.#generations[chunk] as number;
    for (const [lba, block] of blocksOf(chunk, bytes)) check(block, lba, generation);
    return CHUNK_BYTES;
  }

  #someWritten({ number, of }: Lane): number | undefined {
    const first = randomInt(CHUNKS);
    for (let step = 0; step < CHUNKS; step++) {
      const chunk = (first + step) % CHUNKS;
      if (chunk % of === number && this.#generations[chunk] !== UNKNOWN) return chunk;
    }
    return undefined;
  }
}

/** One of several lanes that work at once, each with its own chunks and its own part of the memory. */
export interface Lane {
  readonly number: number;
  readonly of: number;
}

function laneBytes({ u8 }: DmaBuffer, { number }: Lane): Buffer {
  return Buffer.from(u8.buffer, u8.byteOffset + number * CHUNK_BYTES, CHUNK_BYTES);
}

function blocksOf(chunk: number, bytes: Buffer): [lba: number, block: Buffer][] {
  return Array.from({ length: CHUNK_BLOCKS }, (_, index) => [
    chunk * CHUNK_BLOCKS + index,
    bytes.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES),
  ]);
}

function stamp(block: Buffer, lba: number, generation: number): void {
  block.writeUInt32LE(lba, 0);
  block.writeUInt32LE(generation, 4);
  block.writeUInt32LE(checksum(block), 8);
}

function check(block: Buffer, lba: number, generation: number): void {
  const found = [block.readUInt32LE(0), block.readUInt32LE(4), block.readUInt32LE(8)];
  const expected = [lba, generation, checksum(block)];
  if (found.every((word, index) => word === expected[index])) return;
  throw new Error(`mismatch: LBA, generation and checksum are ${found}, not ${expected}`);
}

function checksum(block: Buffer): number {
  return crc32(block.subarray(STAMP_BYTES), crc32(block.subarray(0, 8)));
}
