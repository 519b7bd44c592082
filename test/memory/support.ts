// SPDX-License-Identifier: MIT
// Helpers for the suites over the memory back end: matching errors, wrong arguments, checks for leftovers.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { expect } from '@jest/globals';
import type { Machine } from '../../tools/testing-addon.js';
import { until } from '../support/until.js';

/** Matches an error by its code, not its class: under jest, errors from the addon belong to another realm. */
export function withCode(code: string, fields: object = {}) {
  return expect.objectContaining({ code, ...fields });
}

/** A BAR that can be mapped, one that cannot be mapped, and one of which only a part can be mapped. */
export const mappableOrNot = [
  { size: 0x3000 },
  { size: 0x3000, mappable: false },
  { size: 0x3000, sparse: [[0x1000, 0x1000] as [number, number]] },
];

/** Values of wrong types that a caller may pass instead of a number. */
export const notNumbers: [string, unknown][] = [
  ['a string', '0'],
  ['nothing', undefined],
  ['null', null],
  ['a bigint', 0n],
  ['a boolean', true],
  ['an object', {}],
  ['an array', [0]],
  ['a symbol', Symbol('0')],
  ['a function', () => 0],
];

/** Numbers that are not an index, a count or a size. */
export const badIntegers = [
  -1,
  -0.5,
  0.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -Infinity,
  2 ** 53,
];

/** The kernel resources that this process holds. */
export interface Footprint {
  descriptors: string[];
  /** The mappings of memfds: the fake hardware uses memfds as BARs. What replaced them after close is not counted. */
  maps: string[];
  threads: number;
}

export function footprint(): Footprint {
  const maps = readFileSync('/proc/self/maps', 'utf8').split('\n');
  return {
    descriptors: listDescriptors(),
    maps: maps
      .filter((line) => line.includes('memfd:') && !line.includes('memfd:vfio-closed'))
      .map((line) => line.replace(/^\S+ /, '')),
    threads: readdirSync('/proc/self/task').length,
  };
}

function listDescriptors(): string[] {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ''; // the descriptor of the listing itself
    }
  });
  return links.filter((link) => link.startsWith('anon_inode:') || link.includes('memfd:')).sort();
}

/** The footprint before a test. It already includes the threads and descriptors of libuv. */
export async function startingFootprint(): Promise<Footprint> {
  await Promise.all([1, 2, 3, 4].map(() => readFile('/proc/self/stat')));
  return footprint();
}

/**
 * Fails unless the process returns to that footprint. It waits, because a thread takes a moment to end. Fewer threads
 * are fine too: one of an earlier test may have been about to end when the footprint was taken.
 */
export async function expectFootprint(before: Footprint): Promise<void> {
  const now = () => {
    const { threads, ...rest } = footprint();
    return { ...rest, threads: Math.max(threads, before.threads) };
  };
  await until(() => isDeepStrictEqual(now(), before)).catch(() => expect(now()).toEqual(before));
}

/** Fails if the process still has any object of the machine open. */
export function expectNothingOpen(machine: Machine, ...addresses: string[]): void {
  expect(machine.counts()).toMatchObject({ containers: 0, groups: 0 });
  for (const address of addresses) {
    expect(machine.device(address).counts()).toMatchObject({ functions: 0, eventfds: 0 });
  }
}
