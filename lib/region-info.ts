// SPDX-License-Identifier: MIT
// What the kernel says about a region, and what regions are called.
import type { NativeRegionInfo } from './native.js';

/** What the kernel says about a region (`VFIO_DEVICE_GET_REGION_INFO`). */
export interface RegionInfo {
  /**
   * Its number: 0 to 5 are the BARs, 6 the ROM, 7 config space, 8 VGA (`VFIO_PCI_*_REGION_INDEX`).
   */
  readonly index: number;
  /** `BAR0` to `BAR5`, `ROM`, `CONFIG`, `VGA`, else `REGION` and its number. */
  readonly name: string;
  /** Its size in bytes. */
  readonly byteLength: number;
  /** `VFIO_REGION_INFO_FLAG_READ` */
  readonly readable: boolean;
  /** `VFIO_REGION_INFO_FLAG_WRITE` */
  readonly writable: boolean;
  /** `VFIO_REGION_INFO_FLAG_MMAP`: accesses in {@link mappableAreas} are loads and stores. */
  readonly mappable: boolean;
  /** What of it can be mapped, ascending (`VFIO_REGION_INFO_CAP_SPARSE_MMAP`; else all or nothing). */
  readonly mappableAreas: readonly MappableArea[];
  /** A BAR of I/O ports (bit 0 of the base address register). It has no access of 64 bits. */
  readonly ioPorts: boolean;
  /** Of a device-specific region, what it is (`VFIO_REGION_INFO_CAP_TYPE`). */
  readonly type: number | undefined;
  readonly subtype: number | undefined;
}

/** A part of a region, in bytes. */
export interface MappableArea {
  readonly offset: number;
  readonly byteLength: number;
}

/** By their numbers. */
const names = ['BAR0', 'BAR1', 'BAR2', 'BAR3', 'BAR4', 'BAR5', 'ROM', 'CONFIG', 'VGA'];
/** The number of the ROM (`VFIO_PCI_ROM_REGION_INDEX`). */
export const romIndex = names.indexOf('ROM');
/** The number of config space (`VFIO_PCI_CONFIG_REGION_INDEX`). */
export const configIndex = names.indexOf('CONFIG');

const flag = { read: 1, write: 2, mmap: 4 };

/** What a region is called. */
export function regionName(index: number): string {
  return names[index] ?? `REGION${index}`;
}

/** A region's facts from the kernel's flags. */
export function regionInfo(native: NativeRegionInfo): RegionInfo {
  const { index, size, flags, mappable, ioPorts, type, subtype } = native;
  return Object.freeze({
    index,
    name: regionName(index),
    byteLength: size,
    readable: (flags & flag.read) !== 0,
    writable: (flags & flag.write) !== 0,
    mappable: (flags & flag.mmap) !== 0,
    mappableAreas: Object.freeze(
      mappable.map(([offset, byteLength]) => Object.freeze({ offset, byteLength })),
    ),
    ioPorts,
    type,
    subtype,
  });
}
