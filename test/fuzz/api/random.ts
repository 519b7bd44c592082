// SPDX-License-Identifier: MIT
// Random numbers from a seed and the number of a step. They depend on nothing else, so leaving out other steps does not
// change them.

/** Returns a random integer from 0 to below its argument, which is at least 1. */
export type Draw = (below: number) => number;

export function drawFor(seed: number, step: number): Draw {
  let state = (Math.imul(seed, 0x9e37_79b1) ^ Math.imul(step + 1, 0x85eb_ca6b)) >>> 0;
  return (below) => {
    // mulberry32
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

export function pick<T>(draw: Draw, items: readonly T[]): T | undefined {
  return items.length === 0 ? undefined : items[draw(items.length)];
}
