// SPDX-License-Identifier: MIT
// The regions of an open device, each created when it is first used, and what is accessed directly of them.
import type { BarArea } from '../capabilities/msix.js';
import { ConfigSpace } from '../config-space.js';
import { unsupportedError } from '../errors.js';
import type { Native, NativeDevice } from '../native.js';
import { Region } from '../region.js';
import { configIndex, type RegionInfo, regionInfo, regionName } from '../region-info.js';
import { callNative } from './call.js';
import { DirectMemory } from './direct-memory.js';
import { keepOwner } from './leaks.js';
import { ours } from './ours.js';

type RegionParts = ConstructorParameters<typeof Region>;

export class DeviceRegions {
  /** Config space. */
  readonly config: ConfigSpace;
  /** The doorbells and views of all regions. */
  readonly direct: DirectMemory;
  readonly #owner: object;
  readonly #addon: Native;
  readonly #device: NativeDevice;
  readonly #made = new Map<number, Region>();

  /** `owner` is the program's object for the device. It counts as in use as long as one of its regions is. */
  constructor(owner: object, addon: Native, device: NativeDevice) {
    this.#owner = owner;
    this.#addon = addon;
    this.#device = device;
    const { address } = device;
    this.direct = new DirectMemory({
      map: (region, offset, byteLength) =>
        callNative(() => device.map(region, offset, byteLength), address),
      msixAreas: () => this.#msixAreas(),
    });
    this.config = this.#make(ConfigSpace, configIndex);
  }

  /** The region with this index. It is the same object every time. */
  at(index: number): Region {
    let region = index === configIndex ? this.config : this.#made.get(index);
    if (region === undefined) {
      region = this.#make(Region, index);
      this.#made.set(index, region);
    }
    return region;
  }

  /** What the kernel reports about the regions that the device has. */
  list(): RegionInfo[] {
    const { address, info } = this.#device;
    const indexes = Array.from({ length: info.numRegions }, (_, index) => index);
    return indexes
      .map((index) => callNative(() => this.#device.region(index), address))
      .filter((region) => region !== undefined)
      .filter(({ size }) => size > 0)
      .map(regionInfo);
  }

  #msixAreas(): BarArea[] {
    const msix = this.config.capability('msix');
    return msix === undefined ? [] : [msix.table, msix.pba];
  }

  // No spread here: a program can replace the iterator that a spread uses, and would get the value of `ours`.
  #make<R extends Region>(type: new (...parts: RegionParts) => R, index: number): R {
    const { address } = this.#device;
    const native = callNative(() => this.#device.region(index), address);
    if (native === undefined || native.size === 0) {
      throw unsupportedError(`${address} has no ${regionName(index)}`, address);
    }
    const handle = callNative(() => this.#device.acquire(index), address);
    const info = regionInfo(native);
    const region = new type(ours, this.#addon, handle, info, address, this.direct);
    keepOwner(region, this.#owner);
    return region;
  }
}
