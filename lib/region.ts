// SPDX-License-Identifier: MIT
// A region of a device and its exact accessors. The checks stand in line because this is the hot
// path; everything about failing is elsewhere.
import { Batch, type BatchCommand } from './batch.js';
import type { Doorbell } from './doorbell.js';
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
import type { Doorbells } from './internal/doorbells.js';
import { mustBeOurs, type Ours, ours } from './internal/ours.js';
import { checkPoll, type PollOptions, poll } from './internal/polling.js';
import { expected, integer } from './internal/validate.js';
import { type AccessArray, AccessFailure, type Handle, type Native } from './native.js';
import type { MappableArea, RegionInfo } from './region-info.js';

export type { PollOptions } from './internal/polling.js';
export type { AccessArray } from './native.js';

/**
 * A region of a device: a BAR, the ROM or config space. Obtained from {@link Device.region},
 * {@link Device.bar}, {@link Device.config} and {@link Device.rom}; it lives as long as its device and
 * stays valid over a reset.
 *
 * Every access is exactly one load or store of the width in its name, in program order, never
 * merged or left out; where the region is not mapped, one read or write of the kernel's. Where the kernel
 * would make two of a 64-bit access, it is refused with `ERR_VFIO_UNSUPPORTED`: {@link read64LowFirst} and
 * its like do it in halves. That is so for I/O ports ({@link ioPorts}), the ROM, config space, VGA and regions of
 * the device's own, and for a BAR that is not mapped there before Linux 6.14 (6.11 on arm64). Offsets are bytes from
 * the region's start, `number`s, multiples of the width.
 * An access may block (a vfio-user device answers over a socket) and then throw `ERR_VFIO_TIMEOUT`.
 *
 * All accessors throw: a TypeError when an argument has the wrong type; a RangeError
 * `ERR_VFIO_RANGE` (offset not an integer or outside the region, value wider than the access) or
 * `ERR_VFIO_ALIGN`; a {@link VfioError} `ERR_VFIO_CLOSED`, `ERR_VFIO_BUSY` (a reset or close is in
 * flight), `ERR_VFIO_BUS` (memory decode off, D3), `ERR_VFIO_LOST`, `ERR_VFIO_UNSUPPORTED` (the
 * region has no such access).
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
  readonly type: number | undefined;
  readonly subtype: number | undefined;
  readonly #native: Native;
  readonly #handle: Handle;
  readonly #address: string;
  readonly #doorbells: Doorbells;

  /** @internal Use {@link Device.region}. */
  constructor(
    key: Ours,
    native: Native,
    handle: Handle,
    info: RegionInfo,
    address: string,
    doorbells: Doorbells,
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
    this.type = info.type;
    this.subtype = info.subtype;
    this.#native = native;
    this.#handle = handle;
    this.#address = address;
    this.#doorbells = doorbells;
  }

  /** Reads 8 bits. */
  read8(offset: number): number {
    if (typeof offset !== 'number' || offset % 1 !== 0 || offset < 0 || offset >= this.byteLength) {
      throw this.#badOffset('read', 8, offset);
    }
    const value = this.#native.read8(this.#handle, offset);
    if (value < 0) throw this.#failed('read', 8, offset, value);
    return value;
  }

  /** Reads 16 bits. */
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

  /** Reads 32 bits. */
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

  /** Reads 64 bits in one access. Throws `ERR_VFIO_UNSUPPORTED` where the kernel would make two. */
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

  /** Writes 8 bits: an integer from 0 to 0xff. */
  write8(offset: number, value: number): void {
    if (typeof offset !== 'number' || offset % 1 !== 0 || offset < 0 || offset >= this.byteLength) {
      throw this.#badOffset('write', 8, offset);
    }
    if (typeof value !== 'number' || (value & 0xff) !== value)
      throw this.#badValue(8, offset, value);
    const failure = this.#native.write8(this.#handle, offset, value);
    if (failure !== undefined) throw this.#failed('write', 8, offset, failure);
  }

  /** Writes 16 bits: an integer from 0 to 0xffff. */
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
   * Writes 32 bits: an integer from 0 to 0xffff_ffff (`value >>> 0` makes one of a signed number).
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
   * Writes 64 bits in one access: a bigint from 0 to 2^64 - 1. Throws `ERR_VFIO_UNSUPPORTED` where the kernel would
   * make two.
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
   * Writes 32 bits and waits until the write has reached the device: it is posted, so it has when a read
   * after it comes back. Reads at `readOffset`, the same register unless said otherwise.
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
   * Reads 32 bits until `(read & mask) === value` and gives what was read. Looks once, then spins for tens of
   * microseconds at a time and lets the event loop turn in between. Rejects with `ERR_VFIO_TIMEOUT`, with the signal's reason,
   * or as {@link read32} throws.
   */
  async poll32(
    offset: number,
    mask: number,
    value: number,
    options?: PollOptions,
  ): Promise<number> {
    const waiting = options === undefined ? undefined : checkPoll(options);
    if (typeof mask !== 'number' || mask >>> 0 !== mask) integer('the mask', mask, 0, 0xffff_ffff);
    if (typeof value !== 'number' || value >>> 0 !== value)
      integer('the value', value, 0, 0xffff_ffff);
    const now = this.read32(offset);
    return (now & mask) >>> 0 === value ? now : this.#poll(offset, mask, value, waiting);
  }

  /** Reads 64 bits as two accesses of 32, the low half (at `offset`) first. */
  read64LowFirst(offset: number): bigint {
    this.#checkPair('read', offset);
    const low = this.read32(offset);
    return (BigInt(this.read32(offset + 4)) << 32n) | BigInt(low);
  }

  /** Reads 64 bits as two accesses of 32, the high half (at `offset` + 4) first. */
  read64HighFirst(offset: number): bigint {
    this.#checkPair('read', offset);
    const high = this.read32(offset + 4);
    return (BigInt(high) << 32n) | BigInt(this.read32(offset));
  }

  /** Writes 64 bits as two accesses of 32, the low half (at `offset`) first. */
  write64LowFirst(offset: number, value: bigint): void {
    this.#checkPair('write', offset);
    this.#checkValue(64, offset, value);
    this.write32(offset, Number(value & 0xffff_ffffn));
    this.write32(offset + 4, Number(value >> 32n));
  }

  /** Writes 64 bits as two accesses of 32, the high half (at `offset` + 4) first. */
  write64HighFirst(offset: number, value: bigint): void {
    this.#checkPair('write', offset);
    this.#checkValue(64, offset, value);
    this.write32(offset + 4, Number(value >> 32n));
    this.write32(offset, Number(value & 0xffff_ffffn));
  }

  /**
   * Fills `array` from registers at ascending offsets, one access of the array's element width each. An
   * error leaves what was read before it.
   */
  readArray(offset: number, array: AccessArray): void {
    const width = this.#checkArray('read', offset, array);
    const failure = this.#native.readArray(this.#handle, offset, width / 8, array);
    if (failure !== undefined) throw this.#failed('read', width, offset, failure);
  }

  /** Writes `array` to registers at ascending offsets, one access of the array's element width each. */
  writeArray(offset: number, array: AccessArray): void {
    const width = this.#checkArray('write', offset, array);
    const failure = this.#native.writeArray(this.#handle, offset, width / 8, array);
    if (failure !== undefined) throw this.#failed('write', width, offset, failure);
  }

  /**
   * A register of 32 bits that is only written, where {@link Doorbell} says so at less than a tenth of the cost
   * of {@link write32}; the same object every time. Throws for bad offsets as the accessors do; for a closed region here, or at the first
   * write.
   */
  doorbell(offset: number): Doorbell {
    this.#checkOffset('write', 32, offset);
    return this.#doorbells.at(this, offset);
  }

  /** Prepares accesses to be run in one call. Throws as the accessors do for bad offsets and values. */
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

  /** Apart, because its closures would cost the first look an object. */
  #poll(offset: number, mask: number, value: number, waiting: PollOptions = {}): Promise<number> {
    return poll(
      waiting,
      (microseconds) => this.#native.poll32(this.#handle, offset, mask, value, microseconds),
      (failure) => this.#failed('read', 32, offset, failure),
      () =>
        `${this.name} of ${this.#address} at ${hex(offset)} was not ${hex(value)} under the mask ${hex(mask)}`,
    );
  }

  /** The checks of the accessors, for calls that are not the hot path. */
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
    // The kernel answers EINVAL, to a write to the ROM for one.
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
