// SPDX-License-Identifier: MIT
// Config space: a region with the registers that every PCI function has, and its capability lists.
import {
  type Capability,
  type CapabilityOf,
  decodeExtended,
  decodeStandard,
} from './capabilities/decode.js';
import { type CapabilityName, extendedNames, idOf, standardNames } from './capabilities/names.js';
import { extendedList, type Found, standardList, withId } from './capabilities/walk.js';
import type { DirectMemory } from './internal/direct-memory.js';
import type { Ours } from './internal/ours.js';
import { integer, oneOf } from './internal/validate.js';
import type { Handle, Native } from './native.js';
import { Region } from './region.js';
import type { RegionInfo } from './region-info.js';

const names = [...standardNames, ...extendedNames].map(([, name]) => name);

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
 * - Some capabilities are hidden: those that vfio-pci does not know, and those that only bridges need. An
 *   extended capability that is hidden at 100h reads as ID 0.
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
    direct: DirectMemory,
  ) {
    super(key, native, handle, info, address, direct);
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
   * Returns the standard capabilities in the order of their list, each with its name and fields
   * ({@link Capability}). Throws `ERR_VFIO_PROTOCOL` if the list is broken: it has a cycle, or leaves its part
   * of config space. Throws `ERR_VFIO_LOST` if config space reads as all ones, because the device does not answer.
   */
  capabilities(): Capability[] {
    return Array.from(standardList(this, this.#address), (found) => this.#standard(found));
  }

  /**
   * Returns the extended capabilities (PCI Express) in the order of their list. The list is empty if config
   * space has 256 bytes. Throws as {@link capabilities} does.
   */
  extendedCapabilities(): Capability[] {
    return Array.from(extendedList(this, this.#address), (found) => this.#extended(found));
  }

  /**
   * Returns the first capability with this name, standard or extended; undefined if there is none. For
   * example, `capability('msix')?.table.bar` is the BAR that has the MSI-X table. Each call reads the registers
   * again. Throws a TypeError for an unknown name, and as {@link capabilities} or
   * {@link extendedCapabilities} does.
   */
  capability<Name extends CapabilityName>(name: Name): CapabilityOf<Name> | undefined {
    oneOf('the name of a capability', name, names);
    const standard = idOf(standardNames, name);
    const found =
      standard === undefined
        ? this.findExtended(idOf(extendedNames, name) as number)
        : this.find(standard);
    return found as CapabilityOf<Name> | undefined;
  }

  /**
   * Returns the first standard capability with this ID (0 to 0xff); undefined if there is none. To search by
   * name, use {@link capability}. Throws a RangeError for another `id`, and as {@link capabilities} does.
   */
  find(id: number): Capability | undefined {
    integer('id', id, 0, 0xff);
    const found = withId(standardList(this, this.#address), id);
    return found && this.#standard(found);
  }

  /**
   * Returns the first extended capability with this ID (0 to 0xffff); undefined if there is none. To search
   * by name, use {@link capability}. Throws a RangeError for another `id`, and as
   * {@link extendedCapabilities} does.
   */
  findExtended(id: number): Capability | undefined {
    integer('id', id, 0, 0xffff);
    const found = withId(extendedList(this, this.#address), id);
    return found && this.#extended(found);
  }

  #standard(found: Found): Capability {
    return decodeStandard(this, this.#address, found);
  }

  #extended(found: Found): Capability {
    return decodeExtended(this, this.#address, found);
  }
}
