// SPDX-License-Identifier: MIT
// Where the doorbells are, and what they name (NVMe over PCIe Transport 1.0, 3.1.2).
import type { Settings } from './options.js';

const FIRST = 0x1000;

/** A doorbell: the tail of a submission queue, or the head of a completion queue. */
export interface DoorbellName {
  readonly queue: number;
  readonly kind: 'tail' | 'head';
}

/** The doorbell at an offset of BAR 0, or undefined if there is none. */
export function doorbellAt(
  offset: number,
  { doorbellStride, ioQueues }: Settings,
): DoorbellName | undefined {
  const index = (offset - FIRST) / strideOf(doorbellStride);
  if (!Number.isInteger(index) || index < 0 || index >= 2 * (ioQueues + 1)) return undefined;
  return { queue: Math.floor(index / 2), kind: index % 2 === 0 ? 'tail' : 'head' };
}

/** The size of BAR 0: a power of two with room for the doorbells of all queues. */
export function barBytes({ doorbellStride, ioQueues }: Settings): number {
  const end = FIRST + 2 * (ioQueues + 1) * strideOf(doorbellStride);
  return Math.max(0x4000, 2 ** Math.ceil(Math.log2(end)));
}

function strideOf(doorbellStride: number): number {
  return 4 << doorbellStride;
}
