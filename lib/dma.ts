// SPDX-License-Identifier: MIT
// Memory that devices can reach.
import { types } from 'node:util';
import { closedError, rangeError, typeError } from './errors.js';
import { callNative } from './internal/call.js';
import { keepOwner } from './internal/leaks.js';
import { mustBeOurs, type Ours } from './internal/ours.js';
import { expected, integer, show } from './internal/validate.js';
import type { NativeDmaBuffer } from './native.js';

/** What a grant of a buffer consists of. Throws `ERR_VFIO_CLOSED`. */
export let lendBuffer: (buffer: DmaBuffer) => NativeDmaBuffer;

/**
 * Memory mapped for the devices of a container (`VFIO_IOMMU_MAP_DMA`). Obtained from
 * {@link Container.allocDma} or {@link Device.allocDma}; the container owns it and closes it after its
 * devices. A device that uses it must be quiet before it is closed: later accesses of the device
 * are stopped by the IOMMU, and its IOVA rests before it is given out again.
 *
 * It is ordinary memory that the device changes at any time: read a word that the device writes
 * once, with `Atomics.load`, before what it announces. After close our members throw
 * `ERR_VFIO_CLOSED`, and arrays taken from it before read zeros.
 */
export class DmaBuffer implements Disposable {
  static {
    lendBuffer = (buffer) => {
      buffer.#mustBeOpen();
      return buffer.#native;
    };
  }

  /** Where devices see its first byte. */
  readonly iova: bigint;
  /** Its size in bytes. */
  readonly byteLength: number;
  readonly #native: NativeDmaBuffer;
  readonly #base: number;
  readonly #baseLow: number;
  readonly #baseHigh: number;
  /** The offsets that have an address lie below: none after close. */
  #limit: number;
  /** Keeps the container while the buffer is open. */
  #onClose: ((buffer: DmaBuffer) => void) | undefined;
  #buffer: ArrayBuffer | undefined;
  #u8: Uint8Array<ArrayBuffer> | undefined;
  #u32: Uint32Array<ArrayBuffer> | undefined;

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

  /** The memory. Made at the first use; the same object every time. */
  get buffer(): ArrayBuffer {
    this.#mustBeOpen();
    if (this.#buffer === undefined) {
      this.#buffer = this.#native.arrayBuffer();
      keepOwner(this.#buffer, this);
    }
    return this.#buffer;
  }

  /** All of it as bytes; the same array every time. */
  get u8(): Uint8Array<ArrayBuffer> {
    this.#mustBeOpen();
    this.#u8 ??= new Uint8Array(this.buffer);
    return this.#u8;
  }

  /** All of it as 32-bit words; the same array every time. */
  get u32(): Uint32Array<ArrayBuffer> {
    this.#mustBeOpen();
    this.#u32 ??= new Uint32Array(this.buffer);
    return this.#u32;
  }

  /** Whether it was closed, by itself or with its container. */
  get closed(): boolean {
    return this.#onClose === undefined;
  }

  /**
   * Where the device sees the byte at `offset`. Throws a RangeError `ERR_VFIO_RANGE` outside the
   * buffer and where the address passes 2^53; {@link low} and {@link high} always work.
   */
  address(offset = 0): number {
    const address = this.#base + this.#inside(offset);
    if (Number.isNaN(address)) throw tooHigh(this.iova, offset);
    return address;
  }

  /** The low 32 bits of the address of the byte at `offset`. */
  low(offset = 0): number {
    return (this.#baseLow + this.#inside(offset)) >>> 0;
  }

  /** The high 32 bits of the address of the byte at `offset`. */
  high(offset = 0): number {
    return this.#baseHigh + Math.floor((this.#baseLow + this.#inside(offset)) / 2 ** 32);
  }

  /** Copies bytes in, to `offset`. Throws a RangeError when they do not fit. */
  copyFrom(source: ArrayBuffer | ArrayBufferView, offset = 0): void {
    const bytes = bytesOf('source', source);
    this.#mustHold(offset, bytes.length);
    this.u8.set(bytes, offset);
  }

  /**
   * Copies `length` bytes from `offset` out to the start of `target`, as many as it has room for
   * unless said otherwise. Throws a RangeError when either does not have them.
   */
  copyTo(target: ArrayBuffer | ArrayBufferView, offset = 0, length?: number): void {
    const bytes = bytesOf('target', target);
    const count = length ?? bytes.length;
    integer('length', count, 0, bytes.length);
    this.#mustHold(offset, count);
    bytes.set(this.u8.subarray(offset, offset + count));
  }

  /**
   * Unmaps it (`VFIO_IOMMU_UNMAP_DMA`), at once, and revokes its grants. Closing twice does nothing.
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
    throw rangeError(`${length} bytes at ${offset} pass the end of ${this.byteLength} bytes`);
  }
}

function outside(offset: unknown, byteLength: number): Error {
  if (typeof offset !== 'number') return expected('a number', 'offset', offset);
  return rangeError(`Expected an offset within ${byteLength} bytes but received ${show(offset)}`);
}

function tooHigh(iova: bigint, offset: number): RangeError {
  const address = `0x${(iova + BigInt(offset)).toString(16)}`;
  return rangeError(`The address ${address} passes 2^53: use low() and high()`);
}

/** The bytes of a buffer or view; it throws for one whose memory is gone, as after a transfer. */
function bytesOf(name: string, value: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (!ArrayBuffer.isView(value) && !types.isAnyArrayBuffer(value)) {
    throw expected('an ArrayBuffer or a view of one', name, value);
  }
  try {
    if (!ArrayBuffer.isView(value)) return new Uint8Array(value);
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  } catch {
    throw typeError(`The memory of ${name} was transferred elsewhere`, 'ERR_INVALID_ARG_VALUE');
  }
}
