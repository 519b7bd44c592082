// SPDX-License-Identifier: MIT
// Finds the DMA buffer of a program that is nearest to where a device was stopped.
import type { ProgramBuffer } from './buffers.js';
import type { IommuFault } from './fault.js';

/** As much as a log that has only the page leaves open. */
const PAGE = 4096n;
/** The library maps nothing below unless it is told to. */
const LOWEST_IOVA = 0x1_0000n;

/** One sentence about the nearest buffer, or two. */
export function describeNearest(fault: IommuFault, buffers: readonly ProgramBuffer[]): string {
  const [first, ...others] = buffers.map((buffer) => ({ buffer, ...distance(buffer, fault) }));
  if (first === undefined) return 'The program allocated no DMA buffer with this library.';
  // Of two at the same place it is the later one: the earlier one was closed before.
  const nearest = others.reduce((best, one) => (one.bytes <= best.bytes ? one : best), first);
  const { buffer, side, bytes } = nearest;
  const name = `the buffer ${hex(buffer.iova)} to ${hex(last(buffer))} (${buffer.byteLength} bytes)`;
  if (side === 'inside') return `That is in ${name}, ${whyStopped(fault, buffer)}.`;
  const far = bytes === 0n ? 'directly' : `${hex(bytes)} bytes`;
  const place = side === 'after' ? `ends ${far} before that` : `begins ${far} after that`;
  return `The nearest is ${name}: it ${place}.${fault.iova < LOWEST_IOVA ? UNSET : ''}`;
}

const UNSET = ` The library chooses no IOVA below ${hex(LOWEST_IOVA)}: perhaps a pointer was never set.`;

/** On which side of a buffer the fault is, and how many bytes lie between them. */
function distance(buffer: ProgramBuffer, { iova, isPage }: IommuFault) {
  const end = iova + (isPage ? PAGE : 1n);
  if (iova > last(buffer)) return { side: 'after', bytes: iova - last(buffer) - 1n } as const;
  if (end <= buffer.iova) return { side: 'before', bytes: buffer.iova - end } as const;
  return { side: 'inside', bytes: -1n } as const;
}

function whyStopped({ access }: IommuFault, { direction }: ProgramBuffer): string {
  if (direction === 'toDevice' && access !== 'read')
    return `which the device may only read ('toDevice')`;
  if (direction === 'fromDevice' && access !== 'write')
    return `which the device may only write ('fromDevice')`;
  return 'which was closed by then, or belongs to another container';
}

function last({ iova, byteLength }: ProgramBuffer): bigint {
  return iova + BigInt(byteLength) - 1n;
}

function hex(number: bigint): string {
  return `0x${number.toString(16)}`;
}
