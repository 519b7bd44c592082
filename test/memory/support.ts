// SPDX-License-Identifier: MIT
// What the suites over the memory back end share: how a failure is matched, and what a test may leave behind.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { expect } from '@jest/globals';
import type { Machine } from '../../tools/testing-addon.js';
import { until } from '../support/until.js';

/** Matches an error by its code alone: values from the addon are of another realm under jest. */
export function withCode(code: string, fields: object = {}) {
  return expect.objectContaining({ code, ...fields });
}

/** Lets everything that is ready to run, run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A BAR that is mapped, one that cannot be, and one that can be in part. */
export const mappableOrNot = [
  { size: 0x3000 },
  { size: 0x3000, mappable: false },
  { size: 0x3000, sparse: [[0x1000, 0x1000] as [number, number]] },
];

/** The wrong things people pass for a number. */
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

/** The numbers that are no index, count or size. */
export const badIntegers = [
  -1,
  -0.5,
  0.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -Infinity,
  2 ** 53,
];

/** What this process holds of the kernel. */
export interface Footprint {
  descriptors: string[];
  /** Mappings of files of ours. */
  maps: string[];
  threads: number;
}

export function footprint(): Footprint {
  const maps = readFileSync('/proc/self/maps', 'utf8').split('\n');
  return {
    descriptors: listDescriptors(),
    maps: maps.filter((line) => line.includes('memfd:')).map((line) => line.replace(/^\S+ /, '')),
    threads: readdirSync('/proc/self/task').length,
  };
}

function listDescriptors(): string[] {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ''; // the one that listed the folder
    }
  });
  return links.filter((link) => link.startsWith('anon_inode:') || link.includes('memfd:')).sort();
}

/** The footprint with libuv's own threads and descriptors in it already. */
export async function startingFootprint(): Promise<Footprint> {
  await Promise.all([1, 2, 3, 4].map(() => readFile('/proc/self/stat')));
  return footprint();
}

/**
 * Fails unless the process comes back to that footprint: a thread takes a moment to end. One of an earlier test may have
 * been ending when it was taken, so that there are fewer now.
 */
export async function expectFootprint(before: Footprint): Promise<void> {
  const now = () => {
    const { threads, ...rest } = footprint();
    return { ...rest, threads: Math.max(threads, before.threads) };
  };
  await until(() => isDeepStrictEqual(now(), before)).catch(() => expect(now()).toEqual(before));
}

/** Fails unless the machine has got back everything. */
export function expectNothingOpen(machine: Machine, ...addresses: string[]): void {
  expect(machine.counts()).toMatchObject({ containers: 0, groups: 0 });
  for (const address of addresses) {
    expect(machine.device(address).counts()).toMatchObject({ functions: 0, eventfds: 0 });
  }
}
