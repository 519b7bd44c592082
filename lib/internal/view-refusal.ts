// SPDX-License-Identifier: MIT
// Why bytes of a region cannot be viewed as plain memory.
import type { BarArea } from '../capabilities/msix.js';
import { contains, type RegionInfo } from '../region-info.js';
import { hex } from './access.js';
import { tooLongForArray } from './array-length.js';

/** The facts about a region that decide whether it can be viewed. */
export interface ViewedRegion
  extends Pick<
    RegionInfo,
    'name' | 'index' | 'prefetchable' | 'readable' | 'writable' | 'mappableAreas'
  > {
  readonly address: string;
}

/** Bytes of a region, in bytes from its start. */
export interface Part {
  readonly offset: number;
  readonly byteLength: number;
}

/** Why there is no view, and what to do instead. */
export interface ViewRefusal {
  readonly reason: string;
  readonly hint: string;
}

const useArrays = 'Use readArray and writeArray instead.';

/** Says why this part has no view; undefined if nothing forbids one. `msixAreas` reads where MSI-X lies. */
export function viewRefusal(
  region: ViewedRegion,
  part: Part,
  msixAreas: () => readonly BarArea[],
  arch: string = process.arch,
): ViewRefusal | undefined {
  const { name, index, prefetchable, readable, writable, mappableAreas } = region;
  if (!prefetchable) {
    return {
      reason: `${name} is not prefetchable memory`,
      hint: `A view is not exact, and registers need exact accesses. ${useArrays}`,
    };
  }
  // Elsewhere, device memory refuses accesses that are not aligned, and the engine makes such accesses.
  if (arch !== 'x64')
    return { reason: `views are proved on x64 only, not on ${arch}`, hint: useArrays };
  if (!readable || !writable) {
    return { reason: `${name} cannot be both read and written`, hint: useArrays };
  }
  if (!mappableAreas.some((area) => contains(area, part))) {
    return {
      reason: 'the kernel does not let a program map all of these bytes',
      hint: `\`mappableAreas\` of the region lists what can be mapped. ${useArrays}`,
    };
  }
  if (msixAreas().some((area) => area.bar === index && overlap(area, part))) {
    return {
      reason: 'the MSI-X table or its pending bits lie there, which are registers',
      hint: 'Take views of the bytes before and after them.',
    };
  }
  const tooLong = tooLongForArray(part.byteLength);
  return tooLong === undefined ? undefined : { reason: tooLong, hint: 'Take views of its parts.' };
}

function overlap(area: Part, { offset, byteLength }: Part): boolean {
  return offset < area.offset + area.byteLength && area.offset < offset + byteLength;
}

/** `bytes 0x0 to 0xfff`. */
export function bytesOf({ offset, byteLength }: Part): string {
  return `bytes ${hex(offset)} to ${hex(offset + byteLength - 1)}`;
}
