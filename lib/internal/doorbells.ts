// SPDX-License-Identifier: MIT
// The doorbells of one device, and where the fast ones can be trusted.
import { Doorbell, type DoorbellRegion, muteDoorbell, unmuteDoorbell } from '../doorbell.js';
import { ours } from './ours.js';

/**
 * Versions of V8 that were seen, in every tier of their compilers, to make one store of 32 bits of a store to
 * a Uint32Array, in the order of the program (`npm run test:exact`): Node 20, 22, 24 and 26.
 */
const provenEngines = ['11.3', '12.4', '13.6', '14.6'];

/** Whether this process may store to registers from JavaScript. */
export function storesAreExact(
  arch: string = process.arch,
  versions: NodeJS.ProcessVersions = process.versions,
): boolean {
  // They call themselves Node, and have engines of their own making or choice.
  const imitates = ['electron', 'bun', 'deno'].some((name) => name in versions);
  const [major, minor] = (versions.v8 ?? '').split('.');
  return arch === 'x64' && !imitates && provenEngines.includes(`${major}.${minor}`);
}

/** Maps a register for stores, or gives nothing where that cannot be. */
export type MapRegister = (region: number, offset: number) => ArrayBuffer | undefined;

export class Doorbells {
  readonly #map: MapRegister;
  readonly #doorbells = new Map<string, Doorbell>();

  constructor(map: MapRegister) {
    this.#map = map;
  }

  /** The doorbell at an offset that was checked; the same object every time. */
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

  /** The device takes no writes any more, or for now. */
  mute(): void {
    for (const doorbell of this.#doorbells.values()) muteDoorbell(doorbell);
  }

  unmute(): void {
    for (const doorbell of this.#doorbells.values()) unmuteDoorbell(doorbell);
  }
}
