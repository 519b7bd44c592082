// SPDX-License-Identifier: MIT
// Config space: a region with the registers that every PCI function has, and its capability lists.
import { VfioError } from './errors.js';
import { hex } from './internal/access.js';
import type { Doorbells } from './internal/doorbells.js';
import type { Ours } from './internal/ours.js';
import { integer } from './internal/validate.js';
import type { Handle, Native } from './native.js';
import { Region } from './region.js';
import type { RegionInfo } from './region-info.js';

/** A capability of a PCI function: a block of registers in config space. */
export interface Capability {
  /**
   * The capability ID: 8 bits for a standard capability, 16 bits for an extended one (PCI Code and ID
   * Assignment Specification, sections 2 and 3).
   */
  readonly id: number;
  /** The offset of its header in config space, in bytes. */
  readonly offset: number;
  /** The version of an extended capability, 4 bits; 0 for a standard one. */
  readonly version: number;
}

// PCI Local Bus 3.0, 6.7: the list starts at 34h. Its entries are dwords and lie above the 64-byte header.
const standard = { start: 0x34, statusBit: 0x10, first: 0x40, last: 0xfc };
// PCI Express Base 6.0, 7.6.3: the extended list starts at 100h.
const extended = { first: 0x100, last: 0xffc };

/**
 * The config space of a device (`VFIO_PCI_CONFIG_REGION_INDEX`): 256 or 4096 bytes. Obtained from
 * {@link Device.config}. Its accesses have 8, 16 or 32 bits.
 *
 * The library refuses no write here, because a driver needs raw writes to bring up a device. The kernel keeps
 * what must stay its own:
 *
 * - The kernel ignores writes to IDs, the class code and the headers of capabilities.
 * - BARs are virtual: you can size them and write any address to them, and nothing moves.
 * - Only VFIO enables, addresses and masks MSI and MSI-X.
 * - The kernel carries out writes to memory decode, bus master, the power state and most device-specific
 *   registers. Such a write can make the device stop answering (`ERR_VFIO_BUS`). It cannot let the device
 *   reach memory that is not mapped for it.
 *
 * The properties below read the register on each use, and throw as the accessors of {@link Region} do.
 */
export class ConfigSpace extends Region {
  readonly #address: string;

  /**
   * @internal Use {@link Device.config}. This constructor is explicit because the one that the bundler
   * generates would pass its arguments through an iterator, which a program can replace.
   */
  constructor(
    key: Ours,
    native: Native,
    handle: Handle,
    info: RegionInfo,
    address: string,
    doorbells: Doorbells,
  ) {
    super(key, native, handle, info, address, doorbells);
    this.#address = address;
  }

  /** Vendor ID: the 16 bits at 00h. All ones (0xffff) if the device is gone. */
  get vendorId(): number {
    return this.read16(0x00);
  }

  /** Device ID: the 16 bits at 02h. */
  get deviceId(): number {
    return this.read16(0x02);
  }

  /** Command register: the 16 bits at 04h. To turn bus master on or off, use {@link Device.busMaster}. */
  get command(): number {
    return this.read16(0x04);
  }

  set command(value: number) {
    this.write16(0x04, value);
  }

  /** Status register: the 16 bits at 06h. */
  get status(): number {
    return this.read16(0x06);
  }

  /** Revision ID: the 8 bits at 08h. */
  get revision(): number {
    return this.read8(0x08);
  }

  /** Class code: the 24 bits at 09h, made of base class, subclass and programming interface. */
  get classCode(): number {
    return this.read32(0x08) >>> 8;
  }

  /** Subsystem vendor ID: the 16 bits at 2Ch. */
  get subsystemVendorId(): number {
    return this.read16(0x2c);
  }

  /** Subsystem ID: the 16 bits at 2Eh. */
  get subsystemId(): number {
    return this.read16(0x2e);
  }

  /**
   * Returns the standard capabilities in the order of their list. Throws `ERR_VFIO_PROTOCOL` if the list is
   * broken: it has a cycle, or leaves its part of config space.
   */
  capabilities(): Capability[] {
    return [...this.#standard()];
  }

  /**
   * Returns the extended capabilities (PCI Express) in the order of their list. The list is empty if config
   * space has 256 bytes. Throws `ERR_VFIO_PROTOCOL` if the list is broken.
   */
  extendedCapabilities(): Capability[] {
    return [...this.#extended()];
  }

  /**
   * Returns the first standard capability with this ID (0 to 0xff); undefined if there is none. For example,
   * 0x01 is power management and 0x11 is MSI-X. Throws a RangeError for another `id`, and as
   * {@link capabilities} does.
   */
  find(id: number): Capability | undefined {
    integer('id', id, 0, 0xff);
    return first(this.#standard(), id);
  }

  /**
   * Returns the first extended capability with this ID (0 to 0xffff); undefined if there is none. For
   * example, 0x0001 is AER and 0x0010 is SR-IOV. Throws a RangeError for another `id`, and as
   * {@link extendedCapabilities} does.
   */
  findExtended(id: number): Capability | undefined {
    integer('id', id, 0, 0xffff);
    return first(this.#extended(), id);
  }

  *#standard(): Generator<Capability> {
    if ((this.status & standard.statusBit) === 0) return;
    const seen = new Set<number>();
    let offset = this.read8(standard.start) & 0xfc;
    while (offset !== 0) {
      checkLink(this.#address, offset, standard, seen);
      const header = this.read16(offset);
      yield { id: header & 0xff, offset, version: 0 };
      offset = (header >>> 8) & 0xfc;
    }
  }

  *#extended(): Generator<Capability> {
    if (this.byteLength <= extended.first) return;
    const seen = new Set<number>();
    let offset: number = extended.first;
    while (offset !== 0) {
      checkLink(this.#address, offset, extended, seen);
      const header = this.read32(offset);
      // An empty list reads as zeros. A device that does not answer reads as all ones.
      if (header === 0 || header === 0xffff_ffff) return;
      yield { id: header & 0xffff, offset, version: (header >>> 16) & 0xf };
      offset = (header >>> 20) & 0xffc;
    }
  }
}

function first(capabilities: Iterable<Capability>, id: number): Capability | undefined {
  for (const capability of capabilities) if (capability.id === id) return capability;
  return undefined;
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
