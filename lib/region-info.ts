// SPDX-License-Identifier: MIT
// RegionInfo: the facts that the kernel reports about a region, and the names of regions.
import type { NativeRegionInfo } from './native.js';

/** The facts about a region, as the kernel reports them (`VFIO_DEVICE_GET_REGION_INFO`). */
export interface RegionInfo {
  /**
   * Its index (`VFIO_PCI_*_REGION_INDEX`): 0 to 5 are the BARs, 6 is the ROM, 7 is config space, 8 is VGA.
   * Higher numbers are device-specific regions.
   */
  readonly index: number;
  /** Its name: `BAR0` to `BAR5`, `ROM`, `CONFIG`, `VGA`, otherwise `REGION` and its index. */
  readonly name: string;
  /** Its size in bytes. */
  readonly byteLength: number;
  /** Whether it can be read (`VFIO_REGION_INFO_FLAG_READ`). */
  readonly readable: boolean;
  /** Whether it can be written (`VFIO_REGION_INFO_FLAG_WRITE`). */
  readonly writable: boolean;
  /**
   * Whether it can be mapped (`VFIO_REGION_INFO_FLAG_MMAP`). In {@link mappableAreas}, accesses are then
   * plain loads and stores.
   */
  readonly mappable: boolean;
  /**
   * The parts that can be mapped, in ascending order (`VFIO_REGION_INFO_CAP_SPARSE_MMAP`). Without that
   * capability it is the whole region or nothing.
   */
  readonly mappableAreas: readonly MappableArea[];
  /**
   * Whether it is a BAR of I/O ports (bit 0 of the base address register). I/O ports have no 64-bit accesses.
   */
  readonly ioPorts: boolean;
  /**
   * Whether it is a BAR of prefetchable memory (bit 3 of the base address register): reads have no side
   * effect, and writes can be merged.
   */
  readonly prefetchable: boolean;
  /** The type of a device-specific region (`VFIO_REGION_INFO_CAP_TYPE`); undefined for other regions. */
  readonly type: number | undefined;
  /** The subtype of a device-specific region; undefined for other regions. */
  readonly subtype: number | undefined;
}

/** A part of a region. */
export interface MappableArea {
  /** Where it begins, in bytes from the start of the region. */
  readonly offset: number;
  /** Its size in bytes. */
  readonly byteLength: number;
}

/** Whether a part of a region lies in this area of it. */
export function contains(area: MappableArea, { offset, byteLength }: MappableArea): boolean {
  return offset >= area.offset && offset + byteLength <= area.offset + area.byteLength;
}

/** The names of the regions, by index. */
const names = ['BAR0', 'BAR1', 'BAR2', 'BAR3', 'BAR4', 'BAR5', 'ROM', 'CONFIG', 'VGA'];
/** The index of the ROM (`VFIO_PCI_ROM_REGION_INDEX`). */
export const romIndex = names.indexOf('ROM');
/** The index of config space (`VFIO_PCI_CONFIG_REGION_INDEX`). */
export const configIndex = names.indexOf('CONFIG');

const flag = { read: 1, write: 2, mmap: 4 };

/** Returns the name of the region with this index. */
export function regionName(index: number): string {
  return names[index] ?? `REGION${index}`;
}

/** Makes the facts about a region from the kernel's flags. */
export function regionInfo(native: NativeRegionInfo): RegionInfo {
  const { index, size, flags, mappable, ioPorts, prefetchable, type, subtype } = native;
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
    prefetchable,
    type,
    subtype,
  });
}
