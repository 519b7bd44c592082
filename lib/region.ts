// SPDX-License-Identifier: MIT
// Region: a region of a device (BAR, ROM, config space) and its exact accessors. The checks are written
// inline because this is the hot path. Everything about failures is elsewhere.
import { Batch, type BatchCommand } from './batch.js';
import { refusalError } from './diagnose/failure.js';
import type { Doorbell } from './doorbell.js';
import { rangeError } from './errors.js';
import {
  type Access,
  accessError,
  byteLength,
  type CheckedAccess,
  fits,
  hex,
  offsetError,
  valueError,
  widthOf,
} from './internal/access.js';
import type { DirectMemory } from './internal/direct-memory.js';
import { endsWithOwner } from './internal/ends-with-owner.js';
import { mustBeOurs, type Ours, ours } from './internal/ours.js';
import { checkPoll, type PollOptions, poll } from './internal/polling.js';
import { expected, integer } from './internal/validate.js';
import { type AccessArray, AccessFailure, type Handle, type Native } from './native.js';
import type { MappableArea, RegionInfo } from './region-info.js';

export type { PollOptions } from './internal/polling.js';
export type { AccessArray } from './native.js';

/**
 * A region of a device: a BAR, the ROM or config space. Obtained from {@link Device.region},
 * {@link Device.bar}, {@link Device.config} and {@link Device.rom}. It lives as long as its device, and stays
 * valid over a reset.
 *
 * Every access is exactly one load or store of the width in its name, in program order. It is never merged or
 * left out. Where the region is not mapped, an access is one read or write system call.
 *
 * Offsets are numbers: bytes from the start of the region, and multiples of the access width.
 *
 * A 64-bit access throws `ERR_VFIO_UNSUPPORTED` where the kernel would split it into two 32-bit accesses: on
 * I/O ports ({@link ioPorts}), the ROM, config space, VGA and device-specific regions, and, before Linux 6.14
 * (on arm64 before 6.11), on the parts of a BAR that are not mapped. {@link read64LowFirst},
 * {@link read64HighFirst}, {@link write64LowFirst} and {@link write64HighFirst} access the two halves in the
 * order that you choose.
 *
 * All accessors throw:
 *
 * - a TypeError if an argument has the wrong type;
 * - a RangeError `ERR_VFIO_RANGE` if the offset is not an integer or lies outside the region, or the value
 *   does not fit;
 * - a RangeError `ERR_VFIO_ALIGN` if the offset is not a multiple of the access width;
 * - `ERR_VFIO_CLOSED` after close;
 * - `ERR_VFIO_BUSY` while the device is being reset or closed;
 * - `ERR_VFIO_BUS` if the device does not answer: memory decode is off, or the device sleeps (D3);
 * - `ERR_VFIO_LOST` if the device is gone;
 * - `ERR_VFIO_UNSUPPORTED` if the region has no such access;
 * - `EIO`, or another errno, if the system call of a region that is not mapped fails.
 *
 * With a back end that reaches the device through a socket (vfio-user, not available yet), an access can
 * block, and can throw `ERR_VFIO_TIMEOUT`.
 */
export class Region implements RegionInfo {
  readonly index: number;
  readonly name: string;
  readonly byteLength: number;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly mappable: boolean;
  readonly mappableAreas: readonly MappableArea[];
  readonly ioPorts: boolean;
  readonly prefetchable: boolean;
  readonly type: number | undefined;
  readonly subtype: number | undefined;
  readonly #native: Native;
  readonly #handle: Handle;
  readonly #address: string;
  readonly #direct: DirectMemory;

  /** @internal Use {@link Device.region}. */
  constructor(
    key: Ours,
    native: Native,
    handle: Handle,
    info: RegionInfo,
    address: string,
    direct: DirectMemory,
  ) {
    mustBeOurs(key);
    this.index = info.index;
    this.name = info.name;
    this.byteLength = info.byteLength;
    this.readable = info.readable;
    this.writable = info.writable;
    this.mappable = info.mappable;
    this.mappableAreas = info.mappableAreas;
    this.ioPorts = info.ioPorts;
    this.prefetchable = info.prefetchable;
    this.type = info.type;
    this.subtype = info.subtype;
    this.#native = native;
    this.#handle = handle;
    this.#address = address;
    this.#direct = direct;
  }

  /** The PCI address of the device, like `0000:01:00.0`. */
  get address(): string {
    return this.#address;
  }

  /** Reads 8 bits at `offset`. Returns a number from 0 to 0xff. */
  read8(offset: number): number {
    if (typeof offset !== 'number' || offset % 1 !== 0 || offset < 0 || offset >= this.byteLength) {
      throw this.#badOffset('read', 8, offset);
    }
    const value = this.#native.read8(this.#handle, offset);
    if (value < 0) throw this.#failed('read', 8, offset, value);
    return value;
  }

  /** Reads 16 bits at `offset`, a multiple of 2. Returns a number from 0 to 0xffff. */
  read16(offset: number): number {
    if (
      typeof offset !== 'number' ||
      offset % 2 !== 0 ||
      offset < 0 ||
      offset > this.byteLength - 2
    ) {
      throw this.#badOffset('read', 16, offset);
    }
    const value = this.#native.read16(this.#handle, offset);
    if (value < 0) throw this.#failed('read', 16, offset, value);
    return value;
  }

  /** Reads 32 bits at `offset`, a multiple of 4. Returns a number from 0 to 0xffff_ffff. */
  read32(offset: number): number {
    if (
      typeof offset !== 'number' ||
      offset % 4 !== 0 ||
      offset < 0 ||
      offset > this.byteLength - 4
    ) {
      throw this.#badOffset('read', 32, offset);
    }
    const value = this.#native.read32(this.#handle, offset);
    if (value < 0) throw this.#failed('read', 32, offset, value);
    return value;
  }

  /**
   * Reads 64 bits at `offset`, a multiple of 8, in one access. Returns a bigint. Throws
   * `ERR_VFIO_UNSUPPORTED` where the kernel would split the access in two.
   */
  read64(offset: number): bigint {
    if (
      typeof offset !== 'number' ||
      offset % 8 !== 0 ||
      offset < 0 ||
      offset > this.byteLength - 8
    ) {
      throw this.#badOffset('read', 64, offset);
    }
    const value = this.#native.read64(this.#handle, offset);
    if (typeof value === 'number') throw this.#failed('read', 64, offset, value);
    return value;
  }

  /** Writes 8 bits at `offset`: an integer from 0 to 0xff. */
  write8(offset: number, value: number): void {
    if (typeof offset !== 'number' || offset % 1 !== 0 || offset < 0 || offset >= this.byteLength) {
      throw this.#badOffset('write', 8, offset);
    }
    if (typeof value !== 'number' || (value & 0xff) !== value)
      throw this.#badValue(8, offset, value);
    const failure = this.#native.write8(this.#handle, offset, value);
    if (failure !== undefined) throw this.#failed('write', 8, offset, failure);
  }

  /** Writes 16 bits at `offset`, a multiple of 2: an integer from 0 to 0xffff. */
  write16(offset: number, value: number): void {
    if (
      typeof offset !== 'number' ||
      offset % 2 !== 0 ||
      offset < 0 ||
      offset > this.byteLength - 2
    ) {
      throw this.#badOffset('write', 16, offset);
    }
    if (typeof value !== 'number' || (value & 0xffff) !== value) {
      throw this.#badValue(16, offset, value);
    }
    const failure = this.#native.write16(this.#handle, offset, value);
    if (failure !== undefined) throw this.#failed('write', 16, offset, failure);
  }

  /**
   * Writes 32 bits at `offset`, a multiple of 4: an integer from 0 to 0xffff_ffff. (`value >>> 0` converts a
   * signed number.)
   */
  write32(offset: number, value: number): void {
    if (
      typeof offset !== 'number' ||
      offset % 4 !== 0 ||
      offset < 0 ||
      offset > this.byteLength - 4
    ) {
      throw this.#badOffset('write', 32, offset);
    }
    if (typeof value !== 'number' || value >>> 0 !== value) throw this.#badValue(32, offset, value);
    const failure = this.#native.write32(this.#handle, offset, value);
    if (failure !== undefined) throw this.#failed('write', 32, offset, failure);
  }

  /**
   * Writes 64 bits at `offset`, a multiple of 8, in one access: a bigint from 0 to 2^64 - 1. Throws
   * `ERR_VFIO_UNSUPPORTED` where the kernel would split the access in two.
   */
  write64(offset: number, value: bigint): void {
    if (
      typeof offset !== 'number' ||
      offset % 8 !== 0 ||
      offset < 0 ||
      offset > this.byteLength - 8
    ) {
      throw this.#badOffset('write', 64, offset);
    }
    if (typeof value !== 'bigint' || value < 0n || value > 0xffff_ffff_ffff_ffffn) {
      throw this.#badValue(64, offset, value);
    }
    const failure = this.#native.write64(this.#handle, offset, value);
    if (failure !== undefined) throw this.#failed('write', 64, offset, failure);
  }

  /**
   * Writes 32 bits and waits until the write has reached the device. Writes to a device are posted: they are
   * complete only when a later read returns. This call reads 32 bits at `readOffset`, by default the same
   * register. The library discards the value.
   */
  write32Flush(offset: number, value: number, readOffset: number = offset): void {
    this.#checkOffset('write', 32, offset);
    this.#checkValue(32, offset, value);
    this.#checkOffset('read', 32, readOffset);
    const failure = this.#native.write32Flush(this.#handle, offset, value, readOffset);
    if (failure === undefined) return;
    if (failure >= AccessFailure.READ_BACK) throw this.#failed('write', 32, offset, failure);
    throw this.#failed('read', 32, readOffset, failure - AccessFailure.READ_BACK);
  }

  /**
   * Reads 32 bits until `(read & mask) === value`, and returns what it read. `mask` and `value` are integers
   * from 0 to 0xffff_ffff, and `value` has no bits outside `mask`. It reads once, then spins for some tens of microseconds at a time, and lets the
   * event loop run in between.
   *
   * The default timeout is 1000 ms. Rejects with `ERR_VFIO_TIMEOUT`, with the reason of the signal, with a
   * RangeError `ERR_VFIO_RANGE` for a value that does not fit, or with what {@link read32} throws.
   */
  poll32(offset: number, mask: number, value: number, options?: PollOptions): Promise<number> {
    let waiting: PollOptions | undefined;
    try {
      waiting = options === undefined ? undefined : checkPoll(options);
      if (typeof mask !== 'number' || mask >>> 0 !== mask)
        integer('the mask', mask, 0, 0xffff_ffff);
      if (typeof value !== 'number' || value >>> 0 !== value)
        integer('the value', value, 0, 0xffff_ffff);
      if ((value & ~mask) !== 0) throw neverReached(mask, value);
      const now = this.read32(offset);
      if ((now & mask) >>> 0 === value) return Promise.resolve(now);
    } catch (failure) {
      return Promise.reject(failure);
    }
    return endsWithOwner(() => this.#poll(offset, mask, value, waiting));
  }

  /**
   * Reads 64 bits as two 32-bit accesses: first the low half at `offset`, then the high half at `offset` + 4.
   * `offset` is a multiple of 4. Returns a bigint.
   */
  read64LowFirst(offset: number): bigint {
    this.#checkPair('read', offset);
    const low = this.read32(offset);
    return (BigInt(this.read32(offset + 4)) << 32n) | BigInt(low);
  }

  /**
   * Reads 64 bits as two 32-bit accesses: first the high half at `offset` + 4, then the low half at `offset`.
   * `offset` is a multiple of 4. Returns a bigint.
   */
  read64HighFirst(offset: number): bigint {
    this.#checkPair('read', offset);
    const high = this.read32(offset + 4);
    return (BigInt(high) << 32n) | BigInt(this.read32(offset));
  }

  /**
   * Writes 64 bits (a bigint from 0 to 2^64 - 1) as two 32-bit accesses: first the low half at `offset`, then
   * the high half at `offset` + 4. `offset` is a multiple of 4.
   */
  write64LowFirst(offset: number, value: bigint): void {
    this.#checkPair('write', offset);
    this.#checkValue(64, offset, value);
    this.write32(offset, Number(value & 0xffff_ffffn));
    this.write32(offset + 4, Number(value >> 32n));
  }

  /**
   * Writes 64 bits (a bigint from 0 to 2^64 - 1) as two 32-bit accesses: first the high half at `offset` + 4,
   * then the low half at `offset`. `offset` is a multiple of 4.
   */
  write64HighFirst(offset: number, value: bigint): void {
    this.#checkPair('write', offset);
    this.#checkValue(64, offset, value);
    this.write32(offset + 4, Number(value >> 32n));
    this.write32(offset, Number(value & 0xffff_ffffn));
  }

  /**
   * Fills `array` from registers at ascending offsets. Each element is one access of the element's width, and
   * `offset` is a multiple of that width. If an access fails, the elements before it keep what was read.
   * Throws a TypeError if `array` is not a Uint8Array, Uint16Array, Uint32Array or BigUint64Array.
   */
  readArray(offset: number, array: AccessArray): void {
    const width = this.#checkArray('read', offset, array);
    const failure = this.#native.readArray(this.#handle, offset, width / 8, array);
    if (failure !== undefined) throw this.#failed('read', width, offset, failure);
  }

  /**
   * Writes `array` to registers at ascending offsets. Each element is one access of the element's width, and
   * `offset` is a multiple of that width. If an access fails, the elements before it have been written.
   * Throws a TypeError if `array` is not a Uint8Array, Uint16Array, Uint32Array or BigUint64Array.
   */
  writeArray(offset: number, array: AccessArray): void {
    const width = this.#checkArray('write', offset, array);
    const failure = this.#native.writeArray(this.#handle, offset, width / 8, array);
    if (failure !== undefined) throw this.#failed('write', width, offset, failure);
  }

  /**
   * Returns the {@link Doorbell} for a 32-bit register that is only written. Where direct stores are proved
   * exact, its writes cost less than a tenth of {@link write32}. It is the same object every time. Throws as
   * write32 does for a wrong offset. For a closed region, it throws here or at the first write.
   */
  doorbell(offset: number): Doorbell {
    this.#checkOffset('write', 32, offset);
    return this.#direct.doorbell(this, offset);
  }

  /**
   * Returns bytes of a prefetchable memory BAR as plain memory: `byteLength` bytes from `offset` on, by default
   * all up to the end. Use it for memory on the device, such as an NVMe controller memory buffer or the shared
   * memory of `ivshmem`. Never use it for a range that holds registers.
   *
   * **Its accesses are not exact.** The engine can drop, merge, split, repeat and reorder them, and uses any
   * width (docs/mmio-in-javascript.md). If the device or another process uses the memory at the same time,
   * access it with Atomics.
   *
   * After close, the view is ordinary memory that begins as zeros: nothing reaches the device. While the device
   * does not answer (a reset, memory decode off, D3), it is such memory too, and what you write is lost. When the
   * device answers again, the view shows its memory.
   *
   * Each call makes a new array. A view that lies within one that is still in use shares its mapping. A process
   * can have 256 mappings (of views and doorbells), and each stays until the last array over it is
   * garbage-collected. So take one view, and use `subarray` for its parts. A doorbell that is made while no
   * mapping is left is as slow as {@link write32}.
   *
   * Throws:
   *
   * - a RangeError `ERR_VFIO_RANGE` if the bytes do not lie in the region, or there are none;
   * - `ERR_VFIO_UNSUPPORTED` if the region is not prefetchable, cannot be mapped there, has the MSI-X table
   *   there or belongs to an adopted device; if there are 256 such mappings already; and on arm64, where
   *   device memory refuses unaligned accesses, which the engine makes;
   * - what reading the MSI-X capability throws, and `ERR_VFIO_CLOSED`, `ERR_VFIO_BUSY` and `ERR_VFIO_LOST` as
   *   the accessors do.
   */
  inexactView(offset = 0, byteLength?: number): Uint8Array<ArrayBuffer> {
    const rest = this.byteLength - integer('the offset', offset, 0, this.byteLength - 1);
    const bytes = byteLength === undefined ? rest : integer('the length', byteLength, 1, rest);
    return new Uint8Array(this.#direct.view(this, { offset, byteLength: bytes }));
  }

  /**
   * Prepares accesses that {@link Batch.run} does in one call. Checks offsets, widths and values now, and
   * throws as the accessors do for wrong ones.
   */
  batch(commands: readonly BatchCommand[]): Batch {
    const region = {
      native: this.#native,
      handle: this.#handle,
      failed: (access: Pick<Access, 'verb' | 'width' | 'offset'>, failure: number) =>
        this.#failed(access.verb, access.width, access.offset, failure),
      check: (command: CheckedAccess) => this.#checkCommand(command),
    };
    return new Batch(ours, region, commands);
  }

  /** A separate method, because its closures would cost an allocation even when the first read succeeds. */
  #poll(offset: number, mask: number, value: number, waiting: PollOptions = {}): Promise<number> {
    return poll(
      waiting,
      (microseconds) => this.#native.poll32(this.#handle, offset, mask, value, microseconds),
      (failure) => this.#failed('read', 32, offset, failure),
      (timeout) => this.#lastRead({ offset, mask, value, timeout }),
    );
  }

  /** The last chance of a poll. The error says what it read. */
  #lastRead(awaited: { offset: number; mask: number; value: number; timeout: number }): number {
    const last = this.read32(awaited.offset);
    if ((last & awaited.mask) >>> 0 === awaited.value) return last;
    const where = { address: this.#address, region: this.name };
    throw refusalError({ finding: 'not-reached', ...where, ...awaited, last });
  }

  /** The same checks as in the accessors, for calls outside the hot path. */
  #checkOffset(verb: 'read' | 'write', width: number, offset: number): void {
    const bytes = width / 8;
    const fits = Number.isInteger(offset) && offset >= 0 && offset <= this.byteLength - bytes;
    if (!fits || offset % bytes !== 0) throw this.#badOffset(verb, width, offset);
  }

  #checkValue(width: number, offset: number, value: number | bigint): void {
    if (!fits(value, width)) throw this.#badValue(width, offset, value);
  }

  #checkCommand({ offset, width, write }: CheckedAccess): void {
    this.#checkOffset(write === undefined ? 'read' : 'write', width, offset);
    if (write !== undefined) this.#checkValue(width, offset, write);
  }

  #checkPair(verb: 'read' | 'write', offset: number): void {
    this.#checkOffset(verb, 32, offset);
    this.#checkOffset(verb, 32, offset + 4);
  }

  #checkArray(verb: 'read' | 'write', offset: number, array: AccessArray): number {
    const width = widthOf(array);
    if (width === undefined) {
      throw expected('a Uint8Array, Uint16Array, Uint32Array or BigUint64Array', 'array', array);
    }
    const bytes = byteLength(array);
    if (bytes === 0) {
      integer('the offset', offset, 0, this.byteLength);
      return width;
    }
    this.#checkOffset(verb, width, offset);
    this.#checkOffset(verb, width, offset + bytes - width / 8);
    return width;
  }

  #badOffset(verb: 'read' | 'write', width: number, offset: number): Error {
    return offsetError(offset, this.byteLength, this.#access(verb, width, offset));
  }

  #badValue(width: number, offset: number, value: unknown): Error {
    return valueError(value, this.#access('write', width, offset));
  }

  #failed(verb: 'read' | 'write', width: number, offset: number, failure: number): unknown {
    // The kernel answers EINVAL here, for example to a write to the ROM.
    const refused =
      failure < AccessFailure.SYSTEM && !(verb === 'read' ? this.readable : this.writable);
    const meaning = refused ? AccessFailure.UNSUPPORTED : failure;
    return accessError(meaning, this.#access(verb, width, offset));
  }

  #access(verb: 'read' | 'write', width: number, offset: number): Access {
    const region = `${this.name} of ${this.#address}`;
    return { region, address: this.#address, verb, width, offset };
  }
}

function neverReached(mask: number, value: number): RangeError {
  const message = `Expected a value within the mask ${hex(mask)} but received ${hex(value)}`;
  return rangeError(`${message}: poll32 would never read it`);
}
