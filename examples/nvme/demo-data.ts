// SPDX-License-Identifier: MIT
// The data of the demo: 64 MiB that look random and that a seed makes again.
import { createCipheriv, createHash } from 'node:crypto';

export const DEMO_BYTES = 64 * 2 ** 20;
/** The demo makes, compares and reports the data in pieces of this size. */
export const PIECE_BYTES = 4 * 2 ** 20;

/** The pieces of the data for a seed, in order: the key stream of AES-128 in counter mode. */
export function* seededPieces(seed: number): Generator<Buffer> {
  const key = createHash('sha256').update(`vfio demo ${seed}`).digest().subarray(0, 16);
  const cipher = createCipheriv('aes-128-ctr', key, Buffer.alloc(16));
  const zeros = Buffer.alloc(PIECE_BYTES);
  for (let made = 0; made < DEMO_BYTES; made += PIECE_BYTES) yield cipher.update(zeros);
}

export function sha256(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Whether all of `data` is zero. */
export function isZero(data: Uint8Array): boolean {
  const zeros = Buffer.alloc(PIECE_BYTES);
  for (let at = 0; at < data.length; at += PIECE_BYTES) {
    const piece = data.subarray(at, at + PIECE_BYTES);
    if (zeros.compare(piece, 0, piece.length, 0, piece.length) !== 0) return false;
  }
  return true;
}

/** The first position where `data` differs from the data of the seed, or undefined. */
export function firstDifference(seed: number, data: Uint8Array): number | undefined {
  let at = 0;
  for (const expected of seededPieces(seed)) {
    const piece = data.subarray(at, at + expected.length);
    if (expected.compare(piece) !== 0) return at + expected.findIndex((b, i) => b !== piece[i]);
    at += expected.length;
  }
  return undefined;
}
