// SPDX-License-Identifier: MIT
// The DMA buffers of the programs in the guest, as lines on their way to the host.

/** What the library publishes about a buffer on the channel `vfio:dma:map`. */
export interface ProgramBuffer {
  readonly iova: bigint;
  readonly byteLength: number;
  readonly direction: string;
}

/** What makes Node programs in the guest report their buffers (report-buffers.ts). */
export const reportingBuffers = {
  NODE_OPTIONS: `--import ${new URL('report-buffers.js', import.meta.url)}`,
} as const;

const START = '{"dmaBuffer":';

export function encodeBuffer({ iova, byteLength, direction }: ProgramBuffer): string {
  return JSON.stringify({ dmaBuffer: { iova: `0x${iova.toString(16)}`, byteLength, direction } });
}

/** Undefined for any other line. */
export function decodeBuffer(line: string): ProgramBuffer | undefined {
  if (!line.startsWith(START)) return undefined;
  const { dmaBuffer } = JSON.parse(line);
  return { ...dmaBuffer, iova: BigInt(dmaBuffer.iova) };
}
