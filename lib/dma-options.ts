// SPDX-License-Identifier: MIT
// The options of DMA memory (allocDma), and their checks.
import { rangeError } from './errors.js';
import { expected, integer, oneOf, options, powerOfTwo, show } from './internal/validate.js';
import type { NativeDmaRequest } from './native.js';

/**
 * What the device may do with the memory: read and write it (`both`), only read it (`toDevice`), or only
 * write it (`fromDevice`). The IOMMU enforces it.
 */
export type DmaDirection = keyof typeof directions;

/** The options of {@link Container.allocDma} and {@link Device.allocDma}. */
export interface DmaOptions {
  /** What the device may do with the memory; default `both`. */
  direction?: DmaDirection | undefined;
  /**
   * The IOVA to map the memory at, a 64-bit bigint and a multiple of the IOMMU's page size. Without it, the
   * library chooses a free one.
   */
  iova?: bigint | undefined;
  /**
   * How many address bits the device that uses the buffer drives, from 17 to 64. The buffer ends at or below
   * 2 to that power. {@link Device.allocDma} defaults to {@link Device.addressBits} of its device.
   * {@link Container.allocDma} defaults to the smallest `addressBits` among the devices that are open in the
   * container at that moment.
   */
  addressBits?: number | undefined;
  /**
   * The IOVA is a multiple of this number of bytes: a power of two, up to 2^47. In any case it is a multiple
   * of the IOMMU's page size.
   */
  alignment?: number | undefined;
  /**
   * The buffer does not cross a multiple of this number of bytes: a power of two, up to 2^47, not smaller
   * than the buffer. For devices that count only the low bits of an address while they move through a buffer.
   */
  boundary?: number | undefined;
}

/** The numbers that the addon uses for them. */
const directions = { both: 0, toDevice: 1, fromDevice: 2 } as const;
/** The directions, each at the number that the addon has for it. */
export const directionNames = Object.keys(directions) as readonly DmaDirection[];

/** Larger than any address space. */
const mostAlignment = 2 ** 47;

/**
 * Checks the arguments of an allocation and makes the addon's request from them. `deviceBits` is the default
 * for `addressBits`.
 */
export function checkDma(
  bytes: number,
  given: DmaOptions,
  deviceBits: number | undefined,
): NativeDmaRequest {
  const known = ['direction', 'iova', 'addressBits', 'alignment', 'boundary'];
  const { direction = 'both', iova, ...place } = options('allocDma', given, known);
  const { addressBits, alignment, boundary } = place;
  oneOf('direction', direction, directionNames);
  if (iova !== undefined) checkIova(iova);
  if (addressBits !== undefined) checkAddressBits(addressBits);
  if (alignment !== undefined) powerOfTwo('alignment', alignment, 1, mostAlignment);
  if (boundary !== undefined) powerOfTwo('boundary', boundary, 1, mostAlignment);
  integer('bytes', bytes, 1, Number.MAX_SAFE_INTEGER);
  return [bytes, directions[direction], iova, addressBits ?? deviceBits, alignment, boundary];
}

function checkIova(iova: unknown): void {
  if (typeof iova !== 'bigint') throw expected('a bigint', 'iova', iova);
  if (iova >= 0n && iova < 2n ** 64n) return;
  throw rangeError(`Expected a bigint from 0 to 2^64 - 1 for iova but received ${show(iova)}`);
}

/**
 * Checks `addressBits`. The minimum is 17 because the library gives out no address below 64 KiB: a device
 * with fewer bits would get none.
 */
export function checkAddressBits(bits: number): number {
  return integer('addressBits', bits, 17, 64);
}
