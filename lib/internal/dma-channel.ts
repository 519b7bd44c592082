// SPDX-License-Identifier: MIT
// The diagnostics channel `vfio:dma:map`, which tells its subscribers about each DMA buffer. Without a subscriber an
// allocation pays one check.
import { channel } from 'node:diagnostics_channel';
import { directionNames } from '../dma-options.js';
import type { NativeDmaBuffer, NativeDmaRequest } from '../native.js';

const mapped = channel('vfio:dma:map');

/** Publishes memory that is mapped now: `{ iova, byteLength, direction }`. */
export function publishMapping(memory: NativeDmaBuffer, [, direction]: NativeDmaRequest): void {
  if (!mapped.hasSubscribers) return;
  const { iova, byteLength } = memory;
  mapped.publish({ iova, byteLength, direction: directionNames[direction] });
}
