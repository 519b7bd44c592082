// SPDX-License-Identifier: MIT
// The parts of a device that another thread granted, as the thread that adopted them uses them.
import { EventEmitter } from 'node:events';
import { ConfigSpace } from './config-space.js';
import { DmaBuffer } from './dma.js';
import { closedError, unsupportedError } from './errors.js';
import { callNative } from './internal/call.js';
import { DirectMemory } from './internal/direct-memory.js';
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
import { interruptTypeOf } from './interrupts/types.js';
import type { Native, NativeAdoption } from './native.js';
import { Region } from './region.js';
import { configIndex, regionInfo, regionName } from './region-info.js';

/** The events of an {@link AdoptedDevice}. Listening for them does not keep the thread alive. */
export interface AdoptedDeviceEvents {
  /** The grant is over: the granting thread ended it, or this thread closed the device. */
  close: [];
}

/**
 * The reference is weak because the addon holds this callback, and the callback must not keep a forgotten
 * device alive.
 */
let watch: (device: WeakRef<AdoptedDevice>, native: NativeAdoption) => void;

/**
 * The parts of a device that another thread of this process granted ({@link Device.grant}). Obtained from
 * {@link adopt}. This thread uses its regions, interrupts and buffers exactly as the granting thread uses its
 * own.
 *
 * Register accesses throw `ERR_VFIO_BUSY` while the device is being reset, and `ERR_VFIO_LOST` when the
 * device is gone. Once the grant is revoked, they throw `ERR_VFIO_CLOSED`. {@link Grant.revoke} says what
 * ends at once, and what ends only when this thread's event loop handles the revocation.
 *
 * An AdoptedDevice owns nothing of the device. {@link close}, or the end of this thread, releases all
 * parts.
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

  /** The full PCI address of the device, like `0000:01:00.0`. */
  readonly address: string;
  /**
   * The granted buffers, in the order of the grant. They are the memory of the granting thread, not copies of
   * it. If two threads write to the same place, use `Atomics` or agree on an order. Closing a buffer ends its
   * use in this thread, and unmaps nothing.
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
    this.#vectors = vectorsOf(native, this.#regions);
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

  /** Whether the grant is over, as far as the event loop of this thread has handled it. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Returns the region with this index (`VFIO_PCI_*_REGION_INDEX`): 0 to 5 are the BARs, 6 is the ROM, 7 is
   * config space. It is the same object every time. Throws `ERR_VFIO_UNSUPPORTED` if the region was not
   * granted, `ERR_VFIO_CLOSED` once the grant is over, and a RangeError if `index` is not an integer of at
   * least 0.
   */
  region(index: number): Region {
    integer('the region', index, 0, Number.MAX_SAFE_INTEGER);
    return this.#granted(this.#regions.get(index), regionName(index));
  }

  /**
   * Returns BAR `index`, from 0 to 5. Throws a RangeError for another number, and otherwise as {@link region}
   * does.
   */
  bar(index: number): Region {
    integer('the BAR', index, 0, 5);
    return this.region(index);
  }

  /** Config space (`VFIO_PCI_CONFIG_REGION_INDEX`). Throws as {@link region} does. */
  get config(): ConfigSpace {
    return this.region(configIndex) as ConfigSpace;
  }

  /**
   * Returns the interrupt vector with this index. The index is the vector's number in the
   * {@link InterruptSet} of the granting thread. It is the same object every time. Throws
   * `ERR_VFIO_UNSUPPORTED` if the vector was not granted, `ERR_VFIO_CLOSED` once the grant is over, and a
   * RangeError if `index` is not an integer of at least 0.
   */
  vector(index: number): Interrupt {
    integer('the vector', index, 0, Number.MAX_SAFE_INTEGER);
    return this.#granted(this.#vectors.get(index), `vector ${index}`);
  }

  /**
   * Releases all parts at once. The granting thread can then listen to the vectors again. Closing it again
   * does nothing.
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
    const hint = 'The thread that owns the device must name it in the options of device.grant().';
    throw unsupportedError(`${name} of ${this.address} was not granted`, this.address, hint);
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
 * Adopts a grant: the parts that another thread of this process granted with {@link Device.grant} become
 * usable in this thread. `token` is the {@link Grant.token} of the grant. Each token works once.
 *
 * Throws:
 *
 * - a TypeError if `token` is not a string;
 * - `ERR_VFIO_CLOSED` if no grant is on offer under this token. The grant was adopted or revoked, or it
 *   belongs to another process, or it never existed. A token contains no information, so the library cannot
 *   say which.
 *
 * In these cases it throws too, and the grant stays on offer:
 *
 * - `ERR_VFIO_WRONG_THREAD` in the thread that made the grant;
 * - `ERR_VFIO_BUSY` while the device is being reset;
 * - `ERR_VFIO_LOST` if the device is gone;
 * - `ERR_VFIO_UNSUPPORTED` if 4096 regions are in use in this process already.
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
  // Nothing is accessed directly here: this thread learns of a revocation or a reset only later, but its
  // writes must end at once.
  const direct = new DirectMemory(undefined);
  const made = regions.map(({ info, handle }) => {
    const type = info.index === configIndex ? ConfigSpace : Region;
    return new type(ours, addon, handle, regionInfo(info), address, direct);
  });
  return new Map(made.map((region) => [region.index, region]));
}

function vectorsOf(
  { address, interrupts, irqIndex, vectors }: NativeAdoption,
  regions: ReadonlyMap<number, Region>,
): Map<number, Interrupt> {
  const type = interruptTypeOf(irqIndex);
  if (interrupts === undefined || type === undefined) return new Map();
  const config = regions.get(configIndex) as ConfigSpace | undefined;
  const registers = { config, region: (at: number) => regions.get(at) };
  const source = { set: `AdoptedDevice ${address}`, address, type, registers };
  return new Map(
    vectors.map((index) => {
      const vector = new Interrupt(ours, interrupts, index, source);
      changedHands(vector);
      return [index, vector];
    }),
  );
}
