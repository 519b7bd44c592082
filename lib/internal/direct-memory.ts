// SPDX-License-Identifier: MIT
// What JavaScript accesses directly of one device: doorbells, if this engine stores exactly, and views.
import type { BarArea } from '../capabilities/msix.js';
import { Doorbell, type DoorbellRegion, muteDoorbell, unmuteDoorbell } from '../doorbell.js';
import { unsupportedError } from '../errors.js';
import { keepOwner } from './leaks.js';
import { ours } from './ours.js';
import {
  bytesOf,
  type Part,
  type ViewedRegion,
  type ViewRefusal,
  viewRefusal,
} from './view-refusal.js';

/**
 * The versions of V8 (in Node 20, 22, 24 and 26) for which `npm run test:exact` shows that a store to a Uint32Array is
 * exactly one 32-bit store, in program order, in every tier of the compiler.
 */
const provenEngines = ['11.3', '12.4', '13.6', '14.6'];

/** Whether stores from JavaScript are exact in this process. If not, doorbells go through the addon. */
export function storesAreExact(
  arch: string = process.arch,
  versions: NodeJS.ProcessVersions = process.versions,
): boolean {
  // These runtimes report versions as Node does, but each has its own engine, or its own version of V8.
  const imitates = ['electron', 'bun', 'deno'].some((name) => name in versions);
  const [major, minor] = (versions.v8 ?? '').split('.');
  return arch === 'x64' && !imitates && provenEngines.includes(`${major}.${minor}`);
}

/** What direct accesses need of an open device. */
export interface DirectDevice {
  /** Maps bytes of a region. Returns undefined if that is not possible. */
  map(region: number, offset: number, byteLength: number): ArrayBuffer | undefined;
  /** The areas of regions that belong to MSI-X. */
  msixAreas(): readonly BarArea[];
}

const adopted: ViewRefusal = {
  reason: 'it belongs to an adopted device',
  hint: 'Take the view in the thread that opened the device, or use readArray and writeArray.',
};
const allMapped: ViewRefusal = {
  reason:
    'this process has 256 mappings for views and doorbells already, or the kernel refused one more',
  hint: 'Take one view of many bytes, and use `subarray` for its parts.',
};

export class DirectMemory {
  readonly #device: DirectDevice | undefined;
  readonly #doorbells = new Map<string, Doorbell>();

  /** Without a device, nothing is accessed directly. */
  constructor(device: DirectDevice | undefined) {
    this.#device = device;
  }

  /** The doorbell at an offset, which the caller has checked. It is the same object every time. */
  doorbell(region: DoorbellRegion, offset: number): Doorbell {
    const key = `${region.index}:${offset}`;
    let doorbell = this.#doorbells.get(key);
    if (doorbell === undefined) {
      const memory = storesAreExact() ? this.#device?.map(region.index, offset, 4) : undefined;
      doorbell = new Doorbell(ours, region, offset, memory && new Uint32Array(memory));
      this.#doorbells.set(key, doorbell);
    }
    return doorbell;
  }

  /** Bytes of a region as memory. The caller has checked that they lie in it. Throws `ERR_VFIO_UNSUPPORTED`. */
  view(region: ViewedRegion, part: Part): ArrayBuffer {
    const device = this.#device;
    if (device === undefined) throw noView(region, part, adopted);
    const refusal = viewRefusal(region, part, device.msixAreas);
    if (refusal !== undefined) throw noView(region, part, refusal);
    const memory = device.map(region.index, part.offset, part.byteLength);
    if (memory === undefined) throw noView(region, part, allMapped);
    keepOwner(memory, region);
    return memory;
  }

  /** Stops all doorbells, until `unmute`: the device is closed, gone or being reset. */
  mute(): void {
    for (const doorbell of this.#doorbells.values()) muteDoorbell(doorbell);
  }

  unmute(): void {
    for (const doorbell of this.#doorbells.values()) unmuteDoorbell(doorbell);
  }
}

function noView({ name, address }: ViewedRegion, part: Part, { reason, hint }: ViewRefusal): Error {
  const message = `There is no inexactView of ${bytesOf(part)} of ${name} of ${address}: ${reason}`;
  return unsupportedError(message, address, hint);
}
