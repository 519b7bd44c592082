// SPDX-License-Identifier: MIT
// The bytes of one capability. Each dword is read from config space once, when a decoder needs it.
import { VfioError } from '../errors.js';
import { hex } from '../internal/access.js';
import type { ConfigReader, Found } from './walk.js';

/** The offsets count from the header of the capability, as in its specification. */
export class Content {
  readonly #config: ConfigReader;
  readonly #address: string;
  readonly #offset: number;
  readonly #end: number;
  readonly #dwords = new Map<number, number>();

  constructor(config: ConfigReader, address: string, { offset }: Found) {
    this.#config = config;
    this.#address = address;
    this.#offset = offset;
    // A standard capability lies in the first 256 bytes.
    this.#end = offset < 0x100 ? 0x100 : config.byteLength;
  }

  u8(at: number): number {
    return (this.u32(at & ~3) >>> ((at & 3) * 8)) & 0xff;
  }

  u16(at: number): number {
    return (this.u32(at & ~3) >>> ((at & 2) * 8)) & 0xffff;
  }

  u32(at: number): number {
    const known = this.#dwords.get(at);
    if (known !== undefined) return known;
    const value = this.#read(at);
    this.#dwords.set(at, value);
    return value;
  }

  /** The first `length` bytes. There are fewer if config space ends before them: some devices give a wrong length. */
  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(Math.min(length, this.#end - this.#offset));
    for (let at = 0; at < bytes.length; at++) bytes[at] = this.u8(at);
    return bytes;
  }

  #read(at: number): number {
    const place = this.#offset + at;
    if (place < this.#end) return this.#config.read32(place);
    const message = `The capability at ${hex(this.#offset)} of ${this.#address} leads beyond ${hex(this.#end)}`;
    throw new VfioError('ERR_VFIO_PROTOCOL', message, {
      address: this.#address,
      hint: 'Please report it with the kernel version and the device.',
    });
  }
}
