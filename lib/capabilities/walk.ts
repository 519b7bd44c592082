// SPDX-License-Identifier: MIT
// The two capability lists of config space: where each capability is, with its ID and version.
import { VfioError } from '../errors.js';
import { hex } from '../internal/access.js';

/** The part of a {@link ConfigSpace} that a walk needs. */
export interface ConfigReader {
  readonly byteLength: number;
  read8(offset: number): number;
  read16(offset: number): number;
  read32(offset: number): number;
}

/** Where a capability is, and what its header says. */
export interface Found {
  readonly id: number;
  readonly offset: number;
  readonly version: number;
}

// PCI Local Bus 3.0, 6.7: the list starts at 34h. Its entries are dwords and lie above the 64-byte header.
const standard = { start: 0x34, status: 0x06, statusBit: 0x10, first: 0x40, last: 0xfc };
// PCI Express Base 6.0, 7.6.3: the extended list starts at 100h.
const extended = { first: 0x100, last: 0xffc };

/** Walks the standard capabilities. Throws `ERR_VFIO_PROTOCOL` where the list is broken. */
export function* standardList(config: ConfigReader, address: string): Generator<Found> {
  const status = config.read16(standard.status);
  if (status === 0xffff) throw unanswered(address);
  if ((status & standard.statusBit) === 0) return;
  const seen = new Set<number>();
  let offset = config.read8(standard.start) & 0xfc;
  while (offset !== 0) {
    checkLink(address, offset, standard, seen);
    const header = config.read16(offset);
    yield { id: header & 0xff, offset, version: 0 };
    offset = (header >>> 8) & 0xfc;
  }
}

/** Walks the extended capabilities. Throws `ERR_VFIO_PROTOCOL` where the list is broken. */
export function* extendedList(config: ConfigReader, address: string): Generator<Found> {
  if (config.byteLength <= extended.first) return;
  const seen = new Set<number>();
  let offset: number = extended.first;
  while (offset !== 0) {
    checkLink(address, offset, extended, seen);
    const header = config.read32(offset);
    // An empty list reads as zeros, or as all ones. So does a device that does not answer.
    if (header === 0xffff_ffff && config.read16(0) === 0xffff) throw unanswered(address);
    if (header === 0 || header === 0xffff_ffff) return;
    yield { id: header & 0xffff, offset, version: (header >>> 16) & 0xf };
    offset = (header >>> 20) & 0xffc;
  }
}

/** Returns the first capability with this ID; undefined if there is none. */
export function withId(list: Iterable<Found>, id: number): Found | undefined {
  for (const found of list) if (found.id === id) return found;
  return undefined;
}

function unanswered(address: string): VfioError {
  const message = `The capabilities of ${address} cannot be read: config space reads as all ones`;
  const hint = 'The device is gone, without power, or its link is down.';
  return new VfioError('ERR_VFIO_LOST', message, { address, hint });
}

/** Checks that a link leads into its list's part of config space, and to no place twice. */
function checkLink(
  address: string,
  offset: number,
  { first, last }: { first: number; last: number },
  seen: Set<number>,
): void {
  if (offset >= first && offset <= last && !seen.has(offset)) {
    seen.add(offset);
    return;
  }
  const what = seen.has(offset)
    ? `contains ${hex(offset)} twice`
    : `leads to ${hex(offset)}, outside ${hex(first)} to ${hex(last)}`;
  throw new VfioError('ERR_VFIO_PROTOCOL', `The capability list of ${address} ${what}`, {
    address,
    hint: 'The library did not use the list. Please report it with the kernel version and the device.',
  });
}
