// SPDX-License-Identifier: MIT
// The bounds of register accesses, checked against a model of which offsets and widths fit. The regions are mapped
// or not; some are smaller than a page or than an access, and some have odd sizes.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Container, type Region } from '../../lib/index.js';
import { useMachine } from '../../tools/testing-addon.js';
import { failureOf } from '../support/failures.js';
import { expectNothingOpen } from './support.js';

const sizes = [1, 2, 3, 4, 7, 8, 12, 15, 0xfff, 0x1000, 0x1001, 0x3008];
const widths = [8, 16, 32, 64] as const;
type Width = (typeof widths)[number];
/** Devices with six BARs each. Together they have every size twice: mapped and not mapped. */
const specs = [0, 1, 2, 3].map((index) => ({
  address: `0000:16:00.${index}`,
  group: 220,
  bars: sizes
    .slice(6 * (index % 2), 6 * (index % 2) + 6)
    .map((size) => ({ size, mappable: index < 2 })),
}));
const machine = useMachine(...specs);

let container: Container;
let regions: Region[];

beforeAll(async () => {
  container = await Container.open();
  const devices = await Promise.all(specs.map(({ address }) => container.openDevice(address)));
  regions = devices.flatMap((device) => [0, 1, 2, 3, 4, 5].map((bar) => device.bar(bar)));
});
afterAll(async () => {
  await container.close();
  expectNothingOpen(machine, ...specs.map(({ address }) => address));
});

const read = (region: Region, width: Width, offset: number) => region[`read${width}`](offset);
const write = (region: Region, width: Width, offset: number, value: bigint) =>
  width === 64 ? region.write64(offset, value) : region[`write${width}`](offset, Number(value));

/** The bytes of a region, each read by an access of 8 bits. */
const bytesOf = (region: Region, from: number, to: number) =>
  Array.from({ length: Math.max(to - from, 0) }, (_, i) => region.read8(from + i));

function codeOf(work: () => unknown): string | undefined {
  return (failureOf(work) as { code?: string } | undefined)?.code;
}

/** Offsets around both ends of the regions, and around the limits of number types. */
const offsets = fc.oneof(
  fc.integer({ min: -9, max: 24 }),
  fc.integer({ min: 0xff0, max: 0x1010 }),
  fc.integer({ min: 0x2ff8, max: 0x3010 }),
  fc.constantFrom(
    2 ** 31,
    2 ** 32 - 8,
    2 ** 32,
    2 ** 32 + 8,
    2 ** 53 - 8,
    2 ** 53,
    2 ** 63,
    2 ** 64,
  ),
  fc.double(),
);
const accesses = fc.record({
  which: fc.nat(2 * sizes.length - 1),
  width: fc.constantFrom(...widths),
  offset: offsets,
  value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
});

describe('F18/ an access of any width at any offset of a region of any size', () => {
  test('is made whole, or refused and not made', () => {
    fc.assert(
      fc.property(accesses, ({ which, width, offset, value }) => {
        const region = regions[which] as Region;
        const bytes = width / 8;
        const fits = Number.isInteger(offset) && offset >= 0 && offset <= region.byteLength - bytes;
        const bits = BigInt.asUintN(width, value);
        const [from, to] = [Math.max(Math.trunc(offset) - 8, 0), Math.trunc(offset) + 16];
        const end = Math.min(Number.isNaN(to) ? 0 : to, region.byteLength);
        const before = bytesOf(region, from, end);
        const code = !fits ? 'ERR_VFIO_RANGE' : offset % bytes !== 0 ? 'ERR_VFIO_ALIGN' : undefined;
        expect(codeOf(() => read(region, width, offset))).toBe(code);
        expect(codeOf(() => write(region, width, offset, bits))).toBe(code);
        if (code === undefined) {
          expect(BigInt(read(region, width, offset))).toBe(bits);
          for (let i = 0; i < bytes; i++)
            before[offset - from + i] = Number((bits >> BigInt(8 * i)) & 0xffn);
        }
        expect(bytesOf(region, from, end)).toEqual(before);
      }),
      { numRuns: 2000 },
    );
  });
});
