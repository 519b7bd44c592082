// SPDX-License-Identifier: MIT
// What JavaScript accesses directly of one device: doorbells, if this engine stores exactly, and views.
import { Doorbell, type DoorbellRegion, muteDoorbell, unmuteDoorbell } from '../doorbell.js';
import { keepOwner } from './leaks.js';
import { ours } from './ours.js';

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

/** Maps bytes of a region. Returns undefined if that is not possible. */
export type MapBytes = (
  region: number,
  offset: number,
  byteLength: number,
) => ArrayBuffer | undefined;

export class DirectMemory {
  readonly #map: MapBytes;
  readonly #doorbells = new Map<string, Doorbell>();

  constructor(map: MapBytes) {
    this.#map = map;
  }

  /** The doorbell at an offset, which the caller has checked. It is the same object every time. */
  doorbell(region: DoorbellRegion, offset: number): Doorbell {
    const key = `${region.index}:${offset}`;
    let doorbell = this.#doorbells.get(key);
    if (doorbell === undefined) {
      const memory = storesAreExact() ? this.#map(region.index, offset, 4) : undefined;
      doorbell = new Doorbell(ours, region, offset, memory && new Uint32Array(memory));
      this.#doorbells.set(key, doorbell);
    }
    return doorbell;
  }

  /** The bytes at an offset, which the caller has checked. Undefined if they cannot be mapped. */
  view(region: object & { index: number }, offset: number, bytes: number): ArrayBuffer | undefined {
    const memory = this.#map(region.index, offset, bytes);
    if (memory !== undefined) keepOwner(memory, region);
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
