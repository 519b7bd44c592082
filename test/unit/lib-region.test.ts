// SPDX-License-Identifier: MIT
import { beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DirectMemory } from '../../lib/internal/direct-memory.js';
import { ours } from '../../lib/internal/ours.js';
import { AccessFailure } from '../../lib/native.js';
import { Region } from '../../lib/region.js';
import { regionInfo } from '../../lib/region-info.js';
import { FakeDevice, FakeNative, rejectionOf, thrownBy } from './lib-fake-native.js';

const address = '0000:01:00.0';
const size = 4096;

const nothingDirect = new DirectMemory(undefined);

let native: FakeNative;
let region: Region;

beforeEach(() => {
  native = new FakeNative();
  native.container.devices.push(new FakeDevice(address, native.log));
  const info = regionInfo({
    index: 0,
    flags: 7,
    size,
    mappable: [],
    ioPorts: false,
    prefetchable: false,
    type: undefined,
    subtype: undefined,
  });
  region = new Region(ours, native, 0, info, address, nothingDirect);
});

type Width = 8 | 16 | 32 | 64;

function read(width: Width, offset: number): number | bigint {
  return region[`read${width}`](offset);
}

function write(width: Width, offset: number, value: unknown): void {
  (region[`write${width}`] as (offset: number, value: unknown) => void).call(region, offset, value);
}

const widths: Width[] = [8, 16, 32, 64];

describe.each(widths)('F18/ an access of %d bits', (width) => {
  const bytes = width / 8;
  const one = width === 64 ? 1n : 1;
  const top = 2n ** BigInt(width) - 1n;
  const most = width === 64 ? top : Number(top);

  test('reaches the addon once, with its offset and value', () => {
    write(width, 2 * bytes, most);
    expect(native.access).toEqual([`write${width}`, 0, 2 * bytes, most]);
    expect(read(width, 2 * bytes)).toBe(most);
    expect(native.access).toEqual([`read${width}`, 0, 2 * bytes]);
  });

  test('reaches the last place of the region', () => {
    write(width, size - bytes, one);
    expect(read(width, size - bytes)).toBe(one);
  });

  test('at any offset either reaches the addon or throws before', () => {
    const offsets = fc.oneof(fc.integer({ min: -16, max: size + 16 }), fc.double());
    fc.assert(
      fc.property(offsets, (offset) => {
        native.access = undefined;
        const fits = Number.isInteger(offset) && offset >= 0 && offset <= size - bytes;
        if (fits && offset % bytes === 0) {
          read(width, offset);
          expect(native.access).toBeDefined();
          return;
        }
        const code = fits ? 'ERR_VFIO_ALIGN' : 'ERR_VFIO_RANGE';
        expect(thrownBy(() => read(width, offset))).toMatchObject({ name: 'RangeError', code });
        expect(thrownBy(() => write(width, offset, one))).toMatchObject({ code });
        expect(native.access).toBeUndefined();
      }),
    );
  });

  test.each([
    ['negative', -bytes, 'ERR_VFIO_RANGE'],
    ['fractional', 0.5, 'ERR_VFIO_RANGE'],
    ['the size', size, 'ERR_VFIO_RANGE'],
    ['2^31', 2 ** 31, 'ERR_VFIO_RANGE'],
    ['2^32', 2 ** 32, 'ERR_VFIO_RANGE'],
    ['2^53', 2 ** 53, 'ERR_VFIO_RANGE'],
    ['2^64', 2 ** 64, 'ERR_VFIO_RANGE'],
    ['NaN', Number.NaN, 'ERR_VFIO_RANGE'],
    ['infinite', Number.POSITIVE_INFINITY, 'ERR_VFIO_RANGE'],
    ['a string', '0', 'ERR_INVALID_ARG_TYPE'],
    ['a bigint', 0n, 'ERR_INVALID_ARG_TYPE'],
    ['null', null, 'ERR_INVALID_ARG_TYPE'],
    ['missing', undefined, 'ERR_INVALID_ARG_TYPE'],
    ['an array', [], 'ERR_INVALID_ARG_TYPE'],
    ['an object', { valueOf: (): number => 0 }, 'ERR_INVALID_ARG_TYPE'],
  ])('refuses an offset that is %s', (_what, offset, code) => {
    expect(thrownBy(() => read(width, offset as number)).code).toBe(code);
    expect(thrownBy(() => write(width, offset as number, one)).code).toBe(code);
    expect(native.access).toBeUndefined();
  });

  test.each([
    ['too wide', width === 64 ? 2n ** 64n : 2 ** width, 'ERR_VFIO_RANGE'],
    ['negative', width === 64 ? -1n : -1, 'ERR_VFIO_RANGE'],
    ['of the other type', width === 64 ? 1 : 1n, 'ERR_INVALID_ARG_TYPE'],
    ['a string', '1', 'ERR_INVALID_ARG_TYPE'],
    ['missing', undefined, 'ERR_INVALID_ARG_TYPE'],
    ['an object', { valueOf: (): number => 1 }, 'ERR_INVALID_ARG_TYPE'],
  ])('refuses a value that is %s', (_what, value, code) => {
    expect(thrownBy(() => write(width, 0, value)).code).toBe(code);
    expect(native.access).toBeUndefined();
  });

  test.each([
    ['ERR_VFIO_CLOSED', AccessFailure.CLOSED, 'VfioError'],
    ['ERR_VFIO_BUSY', AccessFailure.BUSY, 'VfioError'],
    ['ERR_VFIO_LOST', AccessFailure.LOST, 'VfioError'],
    ['ERR_VFIO_BUS', AccessFailure.BUS, 'VfioError'],
    ['ERR_VFIO_RANGE', AccessFailure.RANGE, 'RangeError'],
    ['ERR_VFIO_ALIGN', AccessFailure.ALIGN, 'RangeError'],
    ['ERR_VFIO_WRONG_THREAD', AccessFailure.WRONG_THREAD, 'VfioError'],
    ['ERR_VFIO_UNSUPPORTED', AccessFailure.UNSUPPORTED, 'VfioError'],
    ['EIO', AccessFailure.SYSTEM - 5, 'VfioError'],
    ['ERR_VFIO_PROTOCOL', -99, 'VfioError'],
  ])('throws %s when the addon says so', (code, failure, name) => {
    native.device.failure = failure;
    const error = thrownBy(() => read(width, 0));
    expect(error).toMatchObject({ name, code });
    expect(error.message).toContain(`BAR0 of ${address}`);
    expect(thrownBy(() => write(width, 0, one))).toMatchObject({ name, code });
  });
});

test.each([8, 16, 32] as const)('refuses a fraction as a value of %d bits', (width) => {
  expect(thrownBy(() => write(width, 0, 0.5)).code).toBe('ERR_VFIO_RANGE');
});

test('names call and errno when a system call did the access', () => {
  native.device.failure = AccessFailure.SYSTEM - 5;
  expect(thrownBy(() => region.write32(0x10, 0))).toMatchObject({
    errno: -5,
    syscall: 'pwrite',
    message: `write32 of BAR0 of ${address} at 0x10 (EIO: i/o error, pwrite)`,
  });
});

test('says what to look at after a bus error', () => {
  native.device.failure = AccessFailure.BUS;
  expect(thrownBy(() => region.read32(0)).hint).toContain('Memory decode');
});

describe('poll32', () => {
  test('that is true at once is one read, and nothing is set up for a wait', async () => {
    native.read32 = () => 0xab5a;
    // The fake has no native poll32, so the addon cannot spin here.
    expect(await region.poll32(8, 0xff, 0x5a)).toBe(0xab5a);
    expect(await region.poll32(8, 0xff, 0x5a, { timeout: 0 })).toBe(0xab5a);
  });

  test('looks at nothing when its options are wrong, or its signal has aborted', async () => {
    native.read32 = () => {
      throw new Error('looked');
    };
    const signal = AbortSignal.abort(new Error('mine'));
    expect((await rejectionOf(region.poll32(8, 0, 0, { signal }))).message).toBe('mine');
    expect((await rejectionOf(region.poll32(8, 0, 0, { timeout: -1 }))).code).toBe(
      'ERR_VFIO_RANGE',
    );
    expect((await rejectionOf(region.poll32(8, 0, 2 ** 32))).code).toBe('ERR_VFIO_RANGE');
    expect(await rejectionOf(region.poll32(8, 0x8000_0001, 2))).toMatchObject({
      name: 'RangeError',
      code: 'ERR_VFIO_RANGE',
      message:
        'Expected a value within the mask 0x80000001 but received 0x2: poll32 would never read it',
    });
  });
});

test('no access fits a region smaller than it', () => {
  const info = regionInfo({ index: 2, flags: 3, size: 2, mappable: [] } as never);
  const small = new Region(ours, native, 0, info, address, nothingDirect);
  expect(small.read16(0)).toBe(0);
  expect(thrownBy(() => small.read32(0)).code).toBe('ERR_VFIO_RANGE');
});

test('a region tells its facts', () => {
  const rom = {
    index: 6,
    flags: 1,
    size: 65536,
    mappable: [],
    ioPorts: false,
    prefetchable: false,
  } as never;
  expect(regionInfo(rom)).toEqual({
    index: 6,
    name: 'ROM',
    byteLength: 65536,
    readable: true,
    writable: false,
    mappable: false,
    mappableAreas: [],
    ioPorts: false,
    prefetchable: false,
    type: undefined,
    subtype: undefined,
  });
  const own = {
    index: 9,
    flags: 6,
    size: 0x3000,
    mappable: [[0x1000, 0x2000]],
    ioPorts: false,
    prefetchable: false,
    type: 5,
    subtype: 7,
  };
  expect(regionInfo(own as never)).toMatchObject({
    name: 'REGION9',
    readable: false,
    writable: true,
    mappable: true,
    mappableAreas: [{ offset: 0x1000, byteLength: 0x2000 }],
    type: 5,
    subtype: 7,
  });
});
