// SPDX-License-Identifier: MIT
// What one thread lends another of a device, as the borrower has it.
import { EventEmitter } from 'node:events';
import { ConfigSpace } from './config-space.js';
import { DmaBuffer } from './dma.js';
import { closedError, unsupportedError } from './errors.js';
import { callNative } from './internal/call.js';
import { Doorbells } from './internal/doorbells.js';
import {
  dropOwner,
  keepOwner,
  keepWhileHeard,
  stopWatching,
  watchForLeak,
} from './internal/leaks.js';
import { loadNative } from './internal/load-native.js';
import { mustBeOurs, type Ours, ours } from './internal/ours.js';
import { callUser } from './internal/report.js';
import { expected, integer } from './internal/validate.js';
import { changedHands, endVector, Interrupt } from './interrupt.js';
import { isLevel } from './interrupts/types.js';
import type { Native, NativeAdoption } from './native.js';
import { Region } from './region.js';
import { configIndex, regionInfo, regionName } from './region-info.js';

/** The events of an {@link AdoptedDevice}. Waiting for them does not keep the thread alive. */
export interface AdoptedDeviceEvents {
  /** The grant is over: it was revoked, or closed here. */
  close: [];
}

/** Weak: the addon holds this callback, which must not keep a forgotten device alive. */
let watch: (device: WeakRef<AdoptedDevice>, native: NativeAdoption) => void;

/**
 * What was granted of a device, in the thread that adopted it ({@link adopt}). Its regions,
 * interrupts and buffers are used as the granting thread uses its own: during a reset accesses
 * throw `ERR_VFIO_BUSY`, when the device is gone `ERR_VFIO_LOST`. Once the grant was revoked they
 * throw `ERR_VFIO_CLOSED`; {@link Grant.revoke} says which at once and which when this thread's event
 * loop hears of it.
 *
 * It owns nothing of the device. Closing it, or the end of the thread, gives everything back.
 */
export class AdoptedDevice extends EventEmitter<AdoptedDeviceEvents> implements Disposable {
  static {
    watch = (device, native) => {
      native.onRevoked(() => {
        const alive = device.deref();
        if (alive !== undefined) alive.#end();
      });
    };
  }

  /** The device's full PCI address, `0000:01:00.0`. */
  readonly address: string;
  /**
   * The granted buffers, in the order in which they were granted. Closing one ends its use here and
   * unmaps nothing. They are the granting thread's memory, not copies of it: what both write to
   * needs `Atomics`, or an order agreed on.
   */
  readonly memory: readonly DmaBuffer[];
  readonly #native: NativeAdoption;
  readonly #regions: ReadonlyMap<number, Region>;
  readonly #vectors: ReadonlyMap<number, Interrupt>;
  #closed = false;

  /** @internal Use {@link adopt}. */
  constructor(key: Ours, addon: Native, native: NativeAdoption) {
    mustBeOurs(key);
    super();
    this.address = native.address;
    this.#native = native;
    this.#regions = regionsOf(addon, native);
    this.#vectors = vectorsOf(native);
    this.memory = Object.freeze(
      native.memory.map((buffer) => new DmaBuffer(ours, buffer, dropOwner)),
    );
    for (const parts of [this.#regions.values(), this.#vectors.values(), this.memory]) {
      for (const part of parts) keepOwner(part, this);
    }
    watch(new WeakRef(this), native);
    watchForLeak(this, `AdoptedDevice ${this.address}`);
    keepWhileHeard(this);
  }

  /** Whether the grant is over, as far as this thread has heard. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * The region `index` (`VFIO_PCI_*_REGION_INDEX`); the same object every time. Throws
   * `ERR_VFIO_UNSUPPORTED` when it was not granted.
   */
  region(index: number): Region {
    integer('the region', index, 0, Number.MAX_SAFE_INTEGER);
    return this.#granted(this.#regions.get(index), regionName(index));
  }

  /** The base address register `index`, from 0 to 5. Throws as {@link region} does. */
  bar(index: number): Region {
    integer('the BAR', index, 0, 5);
    return this.region(index);
  }

  /** Config space. Throws as {@link region} does. */
  get config(): ConfigSpace {
    return this.region(configIndex) as ConfigSpace;
  }

  /**
   * The interrupt vector `index`, by its number in the set of the granting thread; the same object
   * every time. Throws `ERR_VFIO_UNSUPPORTED` when it was not granted.
   */
  vector(index: number): Interrupt {
    integer('the vector', index, 0, Number.MAX_SAFE_INTEGER);
    return this.#granted(this.#vectors.get(index), `vector ${index}`);
  }

  /**
   * Gives everything back, at once; vectors can then be listened to in the granting thread. Closing
   * twice does nothing.
   */
  close(): void {
    this.#native.close();
    this.#end();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #granted<T>(part: T | undefined, name: string): T {
    if (this.#closed) throw closedError(`AdoptedDevice ${this.address}`, this.address);
    if (part !== undefined) return part;
    throw unsupportedError(`No ${name} of ${this.address} was granted`, this.address);
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    stopWatching(this);
    for (const vector of this.#vectors.values()) endVector(vector);
    for (const buffer of this.memory) buffer.close();
    callUser(() => this.emit('close'));
  }
}

/**
 * Makes usable in this thread what {@link Device.grant} granted in another one. A token is used once.
 *
 * Throws a TypeError for what is no string; `ERR_VFIO_CLOSED` when no grant is on offer under this
 * token, because it was adopted or revoked, is of another process, or never was one: a token says
 * nothing by itself, so these cannot be told apart. It throws, and the offer stands,
 * `ERR_VFIO_WRONG_THREAD` in the thread that made the grant, `ERR_VFIO_BUSY` while the device is
 * being reset, `ERR_VFIO_LOST` when it is gone, `ERR_VFIO_UNSUPPORTED` when the process has no handles left.
 */
export function adopt(token: string): AdoptedDevice {
  if (typeof token !== 'string') throw expected('a string', 'token', token);
  const addon = loadNative();
  return new AdoptedDevice(
    ours,
    addon,
    callNative(() => addon.adopt(token)),
  );
}

function regionsOf(addon: Native, { address, regions }: NativeAdoption): Map<number, Region> {
  // Without stores of JavaScript's own: a revocation and a reset, of which this thread hears later, must end
  // writes at once.
  const doorbells = new Doorbells(() => undefined);
  const made = regions.map(({ info, handle }) => {
    const type = info.index === configIndex ? ConfigSpace : Region;
    return new type(ours, addon, handle, regionInfo(info), address, doorbells);
  });
  return new Map(made.map((region) => [region.index, region]));
}

function vectorsOf(native: NativeAdoption): Map<number, Interrupt> {
  const { address, interrupts, irqIndex, vectors } = native;
  if (interrupts === undefined) return new Map();
  const level = isLevel(irqIndex);
  return new Map(
    vectors.map((index) => {
      const name = `Vector ${index} of ${address}, as granted,`;
      const vector = new Interrupt(ours, interrupts, index, level, name);
      changedHands(vector);
      return [index, vector];
    }),
  );
}
