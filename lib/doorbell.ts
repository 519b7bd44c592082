// SPDX-License-Identifier: MIT
// Doorbell: a register that is only written, without the cost of a call into native code.
import { mustBeOurs, type Ours } from './internal/ours.js';

/** The part of a region that a doorbell uses. */
export interface DoorbellRegion {
  readonly index: number;
  write32(offset: number, value: number): void;
}

/**
 * Sends the writes of a doorbell through {@link Region.write32}, which throws the reason why the device
 * accepts none.
 */
export let muteDoorbell: (doorbell: Doorbell) => void;
/** Lets a doorbell store directly again. */
export let unmuteDoorbell: (doorbell: Doorbell) => void;

/**
 * A 32-bit register that is only written, to tell the device that there is work. Obtained from
 * {@link Region.doorbell}. It lives as long as its region.
 *
 * On x86-64, in the V8 versions for which this is proved (docs/mmio-in-javascript.md), a write is one plain
 * 32-bit store that the compiled JavaScript makes itself. Elsewhere it is {@link Region.write32}. Your
 * earlier stores to DMA memory reach memory before the write reaches the device: x86-64 keeps the order of
 * stores, and V8 was observed to keep the order of the program.
 *
 * If the device does not accept a write (memory decode off, D3, or gone), the write is lost without an error.
 * Later writes can be lost too, until the device is reset or your program writes to its config space.
 * {@link Region.write32} throws in this case.
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
  /** Undefined where a direct store is impossible, and while the device accepts no writes. */
  #open: Uint32Array | undefined;

  /** @internal Use {@link Region.doorbell}. `store` is the register as an array of one element. */
  constructor(key: Ours, region: DoorbellRegion, offset: number, store: Uint32Array | undefined) {
    mustBeOurs(key);
    this.#region = region;
    this.#offset = offset;
    this.#store = store;
    this.#open = store;
  }

  /** The offset of the register, in bytes from the start of the region. */
  get offset(): number {
    return this.#offset;
  }

  /**
   * Writes 32 bits: an integer from 0 to 0xffff_ffff. Throws as {@link Region.write32} does for another
   * value, and `ERR_VFIO_CLOSED`, `ERR_VFIO_BUSY` (during a reset) or `ERR_VFIO_LOST`.
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
