// SPDX-License-Identifier: MIT
// The doorbells of one device, and the check whether this engine stores to a register exactly.
import { Doorbell, type DoorbellRegion, muteDoorbell, unmuteDoorbell } from '../doorbell.js';
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

/** Maps a register for stores. Returns undefined if that is not possible. */
export type MapRegister = (region: number, offset: number) => ArrayBuffer | undefined;

export class Doorbells {
  readonly #map: MapRegister;
  readonly #doorbells = new Map<string, Doorbell>();

  constructor(map: MapRegister) {
    this.#map = map;
  }

  /** The doorbell at an offset, which the caller has checked. It is the same object every time. */
  at(region: DoorbellRegion, offset: number): Doorbell {
    const key = `${region.index}:${offset}`;
    let doorbell = this.#doorbells.get(key);
    if (doorbell === undefined) {
      const memory = storesAreExact() ? this.#map(region.index, offset) : undefined;
      doorbell = new Doorbell(ours, region, offset, memory && new Uint32Array(memory));
      this.#doorbells.set(key, doorbell);
    }
    return doorbell;
  }

  /** Stops all doorbells, until `unmute`: the device is closed, gone or being reset. */
  mute(): void {
    for (const doorbell of this.#doorbells.values()) muteDoorbell(doorbell);
  }

  unmute(): void {
    for (const doorbell of this.#doorbells.values()) unmuteDoorbell(doorbell);
  }
}
