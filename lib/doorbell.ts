// SPDX-License-Identifier: MIT
// A register that is only ever written, without the cost of a call into native code.
import { mustBeOurs, type Ours } from './internal/ours.js';

/** The region that a doorbell is in, as far as the doorbell needs it. */
export interface DoorbellRegion {
  readonly index: number;
  write32(offset: number, value: number): void;
}

/** Sends its writes through {@link Region.write32}, which says why the device takes none. */
export let muteDoorbell: (doorbell: Doorbell) => void;
/** Lets it store again. */
export let unmuteDoorbell: (doorbell: Doorbell) => void;

/**
 * A 32-bit register that is only written: what tells a device that there is work. Obtained from
 * {@link Region.doorbell}; it lives as long as its region.
 *
 * On x86-64, in the versions of V8 for which it is proved (docs/mmio-in-javascript.md), a write is one plain
 * store of 32 bits that the compiled JavaScript makes itself; elsewhere it is {@link Region.write32}. Stores to
 * DMA memory before it reach memory before it reaches the device: x86-64 keeps the order of stores, and V8
 * was seen to keep that of the program.
 *
 * A write that the device does not take, with memory decode off, in D3 or when it is gone, is lost without
 * an error, and so may be those after it: they arrive again after the next reset of the device, or write to
 * its config space. {@link Region.write32} throws.
 */
export class Doorbell {
  static {
    muteDoorbell = (doorbell) => {
      doorbell.#open = undefined;
    };
    unmuteDoorbell = (doorbell) => {
      doorbell.#open = doorbell.#store;
    };
  }

  readonly #region: DoorbellRegion;
  readonly #offset: number;
  readonly #store: Uint32Array | undefined;
  /** Missing where there is no store, and while the device takes none. */
  #open: Uint32Array | undefined;

  /** @internal Use {@link Region.doorbell}. `store` is the register as an array of one element. */
  constructor(key: Ours, region: DoorbellRegion, offset: number, store: Uint32Array | undefined) {
    mustBeOurs(key);
    this.#region = region;
    this.#offset = offset;
    this.#store = store;
    this.#open = store;
  }

  /** Bytes from the start of the region. */
  get offset(): number {
    return this.#offset;
  }

  /**
   * Writes 32 bits: an integer from 0 to 0xffff_ffff. Throws as {@link Region.write32} does for a bad value,
   * and `ERR_VFIO_CLOSED`, `ERR_VFIO_BUSY`, `ERR_VFIO_LOST`.
   */
  write(value: number): void {
    const register = this.#open;
    if (register === undefined || typeof value !== 'number' || value >>> 0 !== value) {
      this.#region.write32(this.#offset, value);
    } else {
      register[0] = value;
    }
  }
}
