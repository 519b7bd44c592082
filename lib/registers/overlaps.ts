// SPDX-License-Identifier: MIT
// Checks that no two registers of a map share a byte. Arrays may interleave: tail doorbells at 0, 8, 16 and
// head doorbells at 4, 12, 20.
import { rangeError } from '../errors.js';
import type { Layout } from './layout.js';

/** Throws at the first overlap of two registers. */
export function checkOverlaps(layouts: readonly Layout[]): void {
  const sorted = layouts.toSorted((a, b) => a.at - b.at);
  for (const [index, layout] of sorted.entries()) {
    for (let i = index + 1; i < sorted.length; i++) {
      const next = sorted[i] as Layout;
      if (next.at >= layout.end) break;
      checkApart(layout, next);
    }
  }
}

function checkApart(a: Layout, b: Layout): void {
  const place = overlap(a, b);
  if (place === undefined) return;
  throw rangeError(`${a.name} and ${b.name} overlap at 0x${place.toString(16)}`);
}

/**
 * Returns the offset where two registers or arrays first overlap. For each element of the smaller array, it
 * looks at the nearest element of the other.
 */
function overlap(a: Layout, b: Layout): number | undefined {
  const [few, many] = countOf(a) <= countOf(b) ? [a, b] : [b, a];
  for (let i = 0; i < countOf(few); i++) {
    const start = few.at + i * (few.stride ?? 0);
    const near = lastBefore(many, start + few.bytes);
    if (near !== undefined && near + many.bytes > start) return Math.max(near, start);
  }
  return undefined;
}

/** Returns the offset of the last register of an array that starts before `end`. */
function lastBefore({ at, stride, count }: Layout, end: number): number | undefined {
  if (at >= end) return undefined;
  if (stride === undefined || count === undefined) return at;
  return at + Math.min(count - 1, Math.floor((end - 1 - at) / stride)) * stride;
}

function countOf({ count }: Layout): number {
  return count ?? 1;
}
