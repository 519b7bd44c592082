// SPDX-License-Identifier: MIT
// Config space: a region with the registers that every PCI function has, and its capability lists.
import { VfioError } from './errors.js';
import type { Doorbells } from './internal/doorbells.js';
import type { Ours } from './internal/ours.js';
import { integer } from './internal/validate.js';
import type { Handle, Native } from './native.js';
import { Region } from './region.js';
import type { RegionInfo } from './region-info.js';

/** A capability of a PCI function. */
export interface Capability {
  /** PCI Code and ID Assignment, sections 2 (standard, 8 bits) and 3 (extended, 16 bits). */
  readonly id: number;
  /** Where its header stands in config space. */
  readonly offset: number;
  /** The version of an extended capability; 0 for a standard one. */
  readonly version: number;
}

// PCI Local Bus 3.0, 6.7: the list starts at 34h, entries are dwords above the header of 64 bytes.
const standard = { start: 0x34, statusBit: 0x10, first: 0x40, last: 0xfc };
// PCI Express Base 6.0, 7.6.3: the extended list starts at 100h.
const extended = { first: 0x100, last: 0xffc };

/**
 * A device's config space (`VFIO_PCI_CONFIG_REGION_INDEX`), 256 or 4096 bytes, in accesses of 8, 16
 * and 32 bits. Obtained from {@link Device.config}.
 *
 * Nothing is refused here, since bringing up a device takes raw writes; what has to stay the kernel's, the
 * kernel keeps. IDs, class and the headers of capabilities are not written; BARs are virtual, to be sized and
 * put anywhere without moving anything; MSI and MSI-X are enabled, addressed and masked by VFIO alone. Memory
 * decode, bus master, the power state and most of what is the device's own are carried out: they can make it
 * stop answering (`ERR_VFIO_BUS`), not reach memory that is not mapped for it.
 */
export class ConfigSpace extends Region {
  /**
   * @internal Use {@link Device.config}. Written out, because the bundler's own would pass its arguments on through an
   * iterator that a program can replace.
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
  }

  /** Vendor ID, 00h. All-ones when the device is gone. */
  get vendorId(): number {
    return this.read16(0x00);
  }

  /** Device ID, 02h. */
  get deviceId(): number {
    return this.read16(0x02);
  }

  /** Command register, 04h. For bus master prefer {@link Device.busMaster}. */
  get command(): number {
    return this.read16(0x04);
  }

  set command(value: number) {
    this.write16(0x04, value);
  }

  /** Status register, 06h. */
  get status(): number {
    return this.read16(0x06);
  }

  /** Revision ID, 08h. */
  get revision(): number {
    return this.read8(0x08);
  }

  /** Class code, 09h: 24 bits of base class, subclass and programming interface. */
  get classCode(): number {
    return this.read32(0x08) >>> 8;
  }

  /** Subsystem vendor ID, 2Ch. */
  get subsystemVendorId(): number {
    return this.read16(0x2c);
  }

  /** Subsystem ID, 2Eh. */
  get subsystemId(): number {
    return this.read16(0x2e);
  }

  /**
   * The standard capabilities in the order of their list. Throws ERR_VFIO_PROTOCOL on a broken
   * list.
   */
  capabilities(): Capability[] {
    return [...this.#standard()];
  }

  /** The extended capabilities (PCI Express); none where config space has 256 bytes. */
  extendedCapabilities(): Capability[] {
    return [...this.#extended()];
  }

  /** The first standard capability with this id (0 to 0xff): 0x01 power management, 0x11 MSI-X … */
  find(id: number): Capability | undefined {
    integer('id', id, 0, 0xff);
    return first(this.#standard(), id);
  }

  /** The first extended capability with this id (0 to 0xffff): 0x0001 AER, 0x0010 SR-IOV … */
  findExtended(id: number): Capability | undefined {
    integer('id', id, 0, 0xffff);
    return first(this.#extended(), id);
  }

  *#standard(): Generator<Capability> {
    if ((this.status & standard.statusBit) === 0) return;
    const seen = new Set<number>();
    let offset = this.read8(standard.start) & 0xfc;
    while (offset !== 0) {
      checkLink(offset, standard, seen);
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
      checkLink(offset, extended, seen);
      const header = this.read32(offset);
      // No capability at all reads as zeros, or as all-ones where the device does not answer.
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

/** A link must lead into the list's part of config space, and nowhere twice. */
function checkLink(offset: number, list: { first: number; last: number }, seen: Set<number>): void {
  if (offset >= list.first && offset <= list.last && !seen.has(offset)) {
    seen.add(offset);
    return;
  }
  const what = seen.has(offset) ? 'comes back to' : 'leads to';
  throw new VfioError('ERR_VFIO_PROTOCOL', `The capability list ${what} 0x${offset.toString(16)}`);
}
