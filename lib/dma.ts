// SPDX-License-Identifier: MIT
// DmaBuffer: memory that devices can read and write.
import { types } from 'node:util';
import { closedError, rangeError, typeError, unsupportedError } from './errors.js';
import { tooLongForArray } from './internal/array-length.js';
import { callNative } from './internal/call.js';
import { keepOwner } from './internal/leaks.js';
import { mustBeOurs, type Ours } from './internal/ours.js';
import { expected, integer, show } from './internal/validate.js';
import type { NativeDmaBuffer } from './native.js';

/** The native side of a buffer, for a grant. Throws `ERR_VFIO_CLOSED`. */
export let lendBuffer: (buffer: DmaBuffer) => NativeDmaBuffer;

/**
 * Memory that is mapped for the devices of a container (`VFIO_IOMMU_MAP_DMA`). Obtained from
 * {@link Container.allocDma} or {@link Device.allocDma}. The container owns the buffer and closes it after
 * its devices.
 *
 * Stop the device's use of the buffer before you close it. The IOMMU stops any later access of the device,
 * and the library waits before it gives out the same IOVA again.
 *
 * It is ordinary memory that the device can change at any time. If the device writes a word to announce data,
 * read that word with `Atomics.load`, once, before you read the data. After close, the members throw
 * `ERR_VFIO_CLOSED`, and arrays that you took from the buffer are ordinary memory that begins as zeros.
 *
 * For each new buffer, the `node:diagnostics_channel` named `vfio:dma:map` publishes its `iova`, `byteLength` and
 * `direction`.
 */
export class DmaBuffer implements Disposable {
  static {
    lendBuffer = (buffer) => {
      buffer.#mustBeOpen();
      return buffer.#native;
    };
  }

  /** The IOVA of the first byte: the address that devices use for it. */
  readonly iova: bigint;
  /** The size in bytes. */
  readonly byteLength: number;
  readonly #native: NativeDmaBuffer;
  readonly #base: number;
  readonly #baseLow: number;
  readonly #baseHigh: number;
  /** Offsets below this limit have an address. It is 0 after close. */
  #limit: number;
  /** Keeps the container in use while the buffer is open. */
  #onClose: ((buffer: DmaBuffer) => void) | undefined;
  #buffer: ArrayBuffer | undefined;
  #u8: Uint8Array<ArrayBuffer> | undefined;
  #u16: Uint16Array<ArrayBuffer> | undefined;
  #u32: Uint32Array<ArrayBuffer> | undefined;
  #u64: BigUint64Array<ArrayBuffer> | undefined;
  #view: DataView<ArrayBuffer> | undefined;

  /** @internal Use {@link Container.allocDma}. */
  constructor(key: Ours, native: NativeDmaBuffer, onClose: (buffer: DmaBuffer) => void) {
    mustBeOurs(key);
    this.iova = native.iova;
    this.byteLength = native.byteLength;
    this.#native = native;
    this.#limit = native.byteLength;
    this.#onClose = onClose;
    const end = native.iova + BigInt(native.byteLength);
    this.#base = end <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(native.iova) : Number.NaN;
    this.#baseLow = Number(native.iova & 0xffff_ffffn);
    this.#baseHigh = Number(native.iova >> 32n);
  }

  /** The memory as an ArrayBuffer. It is made at the first use, and is the same object every time. */
  get buffer(): ArrayBuffer {
    this.#mustBeOpen();
    if (this.#buffer === undefined) {
      const tooLong = tooLongForArray(this.byteLength);
      if (tooLong !== undefined) throw unsupportedError(tooLong);
      this.#buffer = this.#native.arrayBuffer();
      keepOwner(this.#buffer, this);
    }
    return this.#buffer;
  }

  /** The whole buffer as bytes. The same array every time. */
  get u8(): Uint8Array<ArrayBuffer> {
    this.#mustBeOpen();
    this.#u8 ??= new Uint8Array(this.buffer);
    return this.#u8;
  }

  /** The whole buffer as 16-bit words, little-endian. The same array every time. */
  get u16(): Uint16Array<ArrayBuffer> {
    this.#mustBeOpen();
    this.#u16 ??= new Uint16Array(this.buffer);
    return this.#u16;
  }

  /** The whole buffer as 32-bit words, little-endian. The same array every time. */
  get u32(): Uint32Array<ArrayBuffer> {
    this.#mustBeOpen();
    this.#u32 ??= new Uint32Array(this.buffer);
    return this.#u32;
  }

  /** The whole buffer as 64-bit words, little-endian. The same array every time. */
  get u64(): BigUint64Array<ArrayBuffer> {
    this.#mustBeOpen();
    this.#u64 ??= new BigUint64Array(this.buffer);
    return this.#u64;
  }

  /**
   * The whole buffer as a DataView, for words that are not aligned and for big-endian data. The same view
   * every time. It can access single bytes: use it only for data that the device does not access at the
   * same time.
   */
  get view(): DataView<ArrayBuffer> {
    this.#mustBeOpen();
    this.#view ??= new DataView(this.buffer);
    return this.#view;
  }

  /** Whether the buffer is closed, by {@link close} or with its container. */
  get closed(): boolean {
    return this.#onClose === undefined;
  }

  /**
   * Returns the IOVA of the byte at `offset`, as a number. Throws a RangeError `ERR_VFIO_RANGE` if the offset
   * lies outside the buffer, or if the buffer ends above 2^53, where a number is not exact. {@link iovaAt},
   * {@link low} and {@link high} always work.
   */
  address(offset = 0): number {
    const address = this.#base + this.#inside(offset);
    if (Number.isNaN(address)) throw tooHigh(this.iova, offset);
    return address;
  }

  /**
   * Returns the IOVA of the byte at `offset`, as a bigint: the value of a 64-bit pointer in a register or a
   * descriptor. Throws a RangeError `ERR_VFIO_RANGE` outside the buffer.
   */
  iovaAt(offset: number): bigint {
    return this.iova + BigInt(this.#inside(offset));
  }

  /** Returns the low 32 bits of the IOVA of the byte at `offset`. Throws a RangeError outside the buffer. */
  low(offset = 0): number {
    return (this.#baseLow + this.#inside(offset)) >>> 0;
  }

  /**
   * Returns the high 32 bits of the IOVA of the byte at `offset`. Throws a RangeError outside the buffer.
   */
  high(offset = 0): number {
    return this.#baseHigh + (((this.#baseLow + this.#inside(offset)) / 2 ** 32) | 0);
  }

  /**
   * Copies all bytes of `source` into the buffer, to `offset` (in bytes). Throws a RangeError if they do not
   * fit, and a TypeError if `source` is not an ArrayBuffer or a view, or is detached.
   */
  copyFrom(source: ArrayBuffer | ArrayBufferView, offset = 0): void {
    const bytes = bytesOf('source', source);
    this.#mustHold(offset, bytes.length);
    this.u8.set(bytes, offset);
  }

  /**
   * Copies `length` bytes from `offset` (in bytes) to the start of `target`. `length` defaults to the size of
   * `target`. Throws a RangeError if the buffer or `target` is too small, and a TypeError if `target` is not
   * an ArrayBuffer or a view, or is detached.
   */
  copyTo(target: ArrayBuffer | ArrayBufferView, offset = 0, length?: number): void {
    const bytes = bytesOf('target', target);
    const count = length ?? bytes.length;
    integer('length', count, 0, bytes.length);
    this.#mustHold(offset, count);
    bytes.set(this.u8.subarray(offset, offset + count));
  }

  /**
   * Unmaps the buffer at once (`VFIO_IOMMU_UNMAP_DMA`), and revokes its grants. Closing it again does
   * nothing.
   */
  close(): void {
    const onClose = this.#onClose;
    if (onClose === undefined) return;
    this.#onClose = undefined;
    this.#limit = 0;
    onClose(this);
    callNative(() => this.#native.close());
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #mustBeOpen(): void {
    if (this.closed) throw closedError(`DmaBuffer at 0x${this.iova.toString(16)}`);
  }

  #inside(offset: number): number {
    if (Number.isInteger(offset) && offset >= 0 && offset < this.#limit) return offset;
    this.#mustBeOpen();
    throw outside(offset, this.byteLength);
  }

  #mustHold(offset: number, length: number): void {
    integer('offset', offset, 0, this.byteLength);
    if (length <= this.byteLength - offset) return;
    const buffer = `a DmaBuffer of ${this.byteLength} bytes`;
    throw rangeError(`${length} bytes at offset ${offset} do not fit into ${buffer}`);
  }
}

function outside(offset: unknown, byteLength: number): Error {
  if (typeof offset !== 'number') return expected('a number', 'offset', offset);
  return rangeError(
    `Expected an offset within the ${byteLength} bytes of the DmaBuffer but received ${show(offset)}`,
  );
}

function tooHigh(iova: bigint, offset: number): RangeError {
  const address = `0x${(iova + BigInt(offset)).toString(16)}`;
  return rangeError(
    `The address ${address} is too large for an exact number: use low() and high()`,
  );
}

/** The bytes of a buffer or a view. Throws if its memory is gone, for example after a transfer. */
function bytesOf(name: string, value: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (!ArrayBuffer.isView(value) && !types.isAnyArrayBuffer(value)) {
    throw expected('an ArrayBuffer or a view of one', name, value);
  }
  try {
    if (!ArrayBuffer.isView(value)) return new Uint8Array(value);
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  } catch {
    throw typeError(
      `The memory of ${name} is detached: it was transferred`,
      'ERR_INVALID_ARG_VALUE',
    );
  }
}
