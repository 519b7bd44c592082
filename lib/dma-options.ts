// SPDX-License-Identifier: MIT
// How memory is mapped for devices: the options, and their checks.
import { rangeError } from './errors.js';
import { expected, integer, oneOf, options, powerOfTwo, show } from './internal/validate.js';
import type { NativeDmaRequest } from './native.js';

/** Who reads and who writes: the device, both ways or one. The kernel enforces it in the IOMMU. */
export type DmaDirection = keyof typeof directions;

/** How {@link Container.allocDma} maps. */
export interface DmaOptions {
  /** `both` unless said otherwise. */
  direction?: DmaDirection | undefined;
  /** The IOVA to map at; the library chooses one unless said. */
  iova?: bigint | undefined;
  /**
   * How many address bits the device that uses the buffer drives, from 17 to 64: the buffer ends at or below 2 to
   * that power. Unless said, {@link Device.allocDma} takes the {@link Device.addressBits} of its device, and
   * {@link Container.allocDma} the smallest of the devices that are open in the container at that moment.
   */
  addressBits?: number | undefined;
  /** The IOVA is a multiple of this, in bytes: a power of two. A multiple of the IOMMU's page size it always is. */
  alignment?: number | undefined;
  /**
   * The buffer crosses no multiple of this, in bytes: a power of two, no smaller than the buffer. For devices that
   * count only the low bits of an address while they move through a buffer.
   */
  boundary?: number | undefined;
}

/** As the addon has them. */
const directions = { both: 0, toDevice: 1, fromDevice: 2 } as const;
const directionNames = Object.keys(directions) as readonly DmaDirection[];

/** Larger than any address space. */
const mostAlignment = 2 ** 47;

/** What the addon is asked for, for a device of so many address bits unless the options say otherwise. */
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
  throw rangeError(`Expected an IOVA of 64 bits but received ${show(iova)}`);
}

/** The library gives out no address below 64 KiB, so that a device of fewer bits would have none. */
export function checkAddressBits(bits: number): number {
  return integer('addressBits', bits, 17, 64);
}
