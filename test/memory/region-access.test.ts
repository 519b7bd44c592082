// SPDX-License-Identifier: MIT
// Register accesses of a BAR: exact widths, bounds, and arguments that are refused without touching the device.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Device, openDevice, type Region } from '../../lib/index.js';
import { type MemoryDevice, useMachine } from '../../tools/testing-addon.js';
import { notNumbers, withCode } from './support.js';

const address = '0000:04:00.0';
const size = 0x4000;
const bars = [
  { size },
  { size, mappable: false },
  { size: 0 },
  { size, sparse: [[0x1000, 0x2000] as [number, number]] },
];

const romSize = 0x800;

const watched = Array.from({ length: size / 4 }, (_, i) => i * 4).filter(
  (offset) => (offset + 32) % 0x1000 < 64,
);

let device: Device;
let hardware: MemoryDevice;

beforeAll(async () => {
  hardware = useMachine({ address, group: 40, bars, rom: romSize }).device(address);
  device = await openDevice(address);
});
afterAll(() => device.close());

type Width = 8 | 16 | 32 | 64;
const widths: Width[] = [8, 16, 32, 64];
type Access = (offset: unknown, value?: unknown) => number | bigint | undefined;

function accessor(region: Region, name: `${'read' | 'write'}${Width}`): Access {
  return (region[name] as Access).bind(region);
}

/** The lowest bits as a value of that width: a number, or a bigint for 64 bits. */
function valueIn(width: Width, bits: bigint): number | bigint {
  const value = BigInt.asUintN(width, bits);
  return width === 64 ? value : Number(value);
}

const kinds: [string, number][] = [
  ['mapped', 0],
  ['not mappable', 1],
  ['mapped in part', 3],
];

describe.each(kinds)('a BAR that is %s', (_, bar) => {
  /** The registers as the device sees them, around each end of a page and so around the ends of the BAR. */
  const contents = () => watched.map((offset) => hardware.peek(bar, offset));
  const fill = () => {
    for (const offset of watched) hardware.poke(bar, offset, offset * 0x10001);
  };

  test('shows the device little-endian in every width', () => {
    hardware.poke(bar, 0x1ff8, 0x03020100);
    hardware.poke(bar, 0x1ffc, 0x07060504);
    const region = device.bar(bar);
    expect([0, 1, 7].map((i) => region.read8(0x1ff8 + i))).toEqual([0, 1, 7]);
    expect([0, 2, 6].map((i) => region.read16(0x1ff8 + i))).toEqual([0x0100, 0x0302, 0x0706]);
    expect([0, 4].map((i) => region.read32(0x1ff8 + i))).toEqual([0x03020100, 0x07060504]);
    expect(region.read64(0x1ff8)).toBe(0x0706050403020100n);
  });

  test('gives the largest values unsigned', () => {
    const region = device.bar(bar);
    region.write64(0, 0xffff_ffff_ffff_ffffn);
    expect(region.read8(0)).toBe(0xff);
    expect(region.read16(0)).toBe(0xffff);
    expect(region.read32(0)).toBe(0xffff_ffff);
    expect(region.read64(0)).toBe(0xffff_ffff_ffff_ffffn);
  });

  test('keeps an access to its place anywhere', () => {
    const places = fc.record({
      width: fc.constantFrom(...widths),
      place: fc.nat(size - 1),
      bits: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    });
    fc.assert(
      fc.property(places, ({ width, place, bits }) => {
        const offset = place - (place % (width / 8));
        const value = valueIn(width, bits);
        accessor(device.bar(bar), `write${width}`)(offset, value);
        expect(accessor(device.bar(bar), `read${width}`)(offset)).toBe(value);
        const word = offset - (offset % 4);
        const seen = BigInt(hardware.peek(bar, word)) >> BigInt(8 * (offset - word));
        expect(BigInt.asUintN(Math.min(width, 32), seen)).toBe(
          BigInt.asUintN(width, bits) & 0xffff_ffffn,
        );
      }),
      { numRuns: 200 },
    );
  });

  describe.each(widths)('in %d bits', (width) => {
    const bytes = width / 8;
    const read = (offset: unknown) => accessor(device.bar(bar), `read${width}`)(offset);
    const write = (offset: unknown, value: unknown) =>
      accessor(device.bar(bar), `write${width}`)(offset, value);
    const one = valueIn(width, 1n);

    test('writes its own bytes and no neighbour', () => {
      fill();
      const before = contents();
      write(0x2000, valueIn(width, 0n));
      for (let i = 0; i < Math.max(bytes / 4, 1); i++) {
        const kept = bytes < 4 ? -1 << width : 0;
        const at = watched.indexOf(0x2000) + i;
        before[at] = ((before[at] as number) & kept) >>> 0;
      }
      expect(contents()).toEqual(before);
    });

    test('reaches its first and its last place and nothing beyond', () => {
      for (const offset of [0, size - bytes]) {
        write(offset, valueIn(width, 0x5a5a5a5a5a5a5a5an));
        expect(read(offset)).toBe(valueIn(width, 0x5a5a5a5a5a5a5a5an));
      }
      for (const offset of [-bytes, size, size + bytes, 2 ** 31, 2 ** 32, 2 ** 53]) {
        expect(() => read(offset)).toThrow(withCode('ERR_VFIO_RANGE'));
        expect(() => write(offset, one)).toThrow(withCode('ERR_VFIO_RANGE'));
      }
    });

    test('changes nothing when the offset is wrong', () => {
      fill();
      const before = contents();
      const outside = [-1, -0.5, 0.5, Number.NaN, Number.POSITIVE_INFINITY, -Infinity, 2 ** 53 + 2];
      for (const offset of outside) {
        expect(() => write(offset, one)).toThrow(withCode('ERR_VFIO_RANGE'));
        expect(() => read(offset)).toThrow(withCode('ERR_VFIO_RANGE'));
      }
      for (const [, offset] of notNumbers) {
        expect(() => write(offset, one)).toThrow(withCode('ERR_INVALID_ARG_TYPE'));
        expect(() => read(offset)).toThrow(withCode('ERR_INVALID_ARG_TYPE'));
      }
      for (let offset = 1; offset < bytes; offset++) {
        expect(() => write(offset, one)).toThrow(withCode('ERR_VFIO_ALIGN'));
        expect(() => read(offset)).toThrow(withCode('ERR_VFIO_ALIGN'));
      }
      expect(contents()).toEqual(before);
    });

    test('changes nothing when the value is wrong', () => {
      fill();
      const before = contents();
      const tooBig = 2n ** BigInt(width);
      const wrong =
        width === 64
          ? [-1n, tooBig, tooBig + 1n, 2n ** 128n]
          : [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, Number(tooBig), 2 ** 53, 2 ** 64];
      for (const value of wrong) {
        expect(() => write(0, value)).toThrow(withCode('ERR_VFIO_RANGE'));
      }
      const kinds = notNumbers.filter(([, value]) => width !== 64 || typeof value !== 'bigint');
      for (const [, value] of [...kinds, ['the other kind of number', width === 64 ? 1 : 1n]]) {
        expect(() => write(0, value)).toThrow(withCode('ERR_INVALID_ARG_TYPE'));
      }
      expect(contents()).toEqual(before);
    });
  });

  test('calls nothing of an object it is given', () => {
    const hostile = {
      [Symbol.toPrimitive]() {
        throw new Error('was asked');
      },
    };
    expect(() => device.bar(bar).read32(hostile as never)).toThrow(
      withCode('ERR_INVALID_ARG_TYPE'),
    );
    expect(() => device.bar(bar).write32(0, hostile as never)).toThrow(
      withCode('ERR_INVALID_ARG_TYPE'),
    );
  });
});

describe('the regions of a device', () => {
  test('keep their numbers although one is absent', () => {
    const regions = device.info.regions.map(({ index, name, byteLength }) => [
      index,
      name,
      byteLength,
    ]);
    expect(regions).toEqual([
      [0, 'BAR0', size],
      [1, 'BAR1', size],
      [3, 'BAR3', size],
      [6, 'ROM', romSize],
      [7, 'CONFIG', 256],
    ]);
    hardware.poke(3, 0, 0x33);
    expect(device.bar(3).read32(0)).toBe(0x33);
  });

  test('say whether they are mapped', () => {
    const mappable = device.info.regions.filter((region) => region.mappable);
    expect(mappable.map(({ name }) => name)).toEqual(['BAR0', 'BAR3']);
  });

  test.each([2, 4, 5])('refuse BAR %d, which is not there', (index) => {
    expect(() => device.bar(index)).toThrow(withCode('ERR_VFIO_UNSUPPORTED', { address }));
  });

  test('refuse numbers that no region has', () => {
    for (const index of [-1, 9, 1.5, Number.NaN, 2 ** 32]) {
      expect(() => device.region(index)).toThrow(withCode('ERR_VFIO_RANGE'));
    }
    expect(() => device.bar(6)).toThrow(withCode('ERR_VFIO_RANGE'));
    for (const [, index] of notNumbers) {
      expect(() => device.region(index as never)).toThrow(withCode('ERR_INVALID_ARG_TYPE'));
    }
  });
});

describe('a BAR of I/O ports', () => {
  const other = '0000:04:00.2';
  const bars = [{ size: 0x20, ioPorts: true }, { size: 0x1000 }];
  const before = 0x1111_1111;
  let its: Device;
  let itsHardware: MemoryDevice;
  let ports: Region;

  beforeAll(async () => {
    itsHardware = useMachine({ address: other, group: 42, bars }).device(other);
    its = await openDevice(other);
    ports = its.bar(0);
  });
  afterAll(() => its.close());

  test('says what it is', () => {
    expect([ports.ioPorts, its.bar(1).ioPorts, its.config.ioPorts]).toEqual([true, false, false]);
    expect(its.info.regions.map(({ ioPorts }) => ioPorts)).toEqual([true, false, false]);
    expect(ports.mappable).toBe(false);
  });

  test('takes 32 bits and less', () => {
    ports.write32(8, 0x2233_4455);
    ports.write16(8, 0x6677);
    expect([ports.read32(8), ports.read8(11)]).toEqual([0x2233_6677, 0x22]);
  });

  test.each<[string, (array: BigUint64Array<ArrayBuffer>) => unknown]>([
    ['read64', () => ports.read64(0)],
    ['write64', () => ports.write64(0, 5n)],
    ['readArray', (array) => ports.readArray(0, array)],
    ['writeArray', (array) => ports.writeArray(0, array)],
    ['a batch that reads', () => ports.batch([{ offset: 0, width: 64 }]).run()],
    ['a batch that writes', () => ports.batch([{ offset: 0, width: 64, write: 5n }]).run()],
  ])('is not accessed by 64 bits in two: %s', (_, access) => {
    itsHardware.poke(0, 0, before);
    const array = BigUint64Array.of(7n, 7n);
    expect(() => access(array)).toThrow(
      withCode('ERR_VFIO_UNSUPPORTED', {
        message: expect.stringMatching(/does not support 64-bit (reads|writes)/),
        hint: expect.stringContaining('read64LowFirst'),
      }),
    );
    expect([itsHardware.peek(0, 0), itsHardware.peek(0, 4), ...array]).toEqual([before, 0, 7n, 7n]);
  });

  test('takes 64 bits in the halves that were asked for', () => {
    ports.write64HighFirst(0x10, 0x1_0000_0002n);
    expect([ports.read64LowFirst(0x10), ports.read32(0x10)]).toEqual([0x1_0000_0002n, 2]);
  });
});

describe('the ROM', () => {
  test('is read in every width', async () => {
    const rom = device.rom as Region;
    expect(device.region(6)).toBe(rom);
    hardware.poke(6, 0, 0xddcc_aa55);
    expect(rom.read16(0)).toBe(0xaa55);
    expect([rom.read8(3), rom.read32(0)]).toEqual([0xdd, 0xddcc_aa55]);
    expect(() => rom.read64(0)).toThrow(withCode('ERR_VFIO_UNSUPPORTED'));
    const words = new Uint16Array(2);
    rom.readArray(0, words);
    expect([...words]).toEqual([0xaa55, 0xddcc]);
    expect(
      rom
        .batch([{ offset: 2, width: 8 }])
        .run()
        .value(0),
    ).toBe(0xcc);
    expect(await rom.poll32(0, 0xffff, 0xaa55)).toBe(0xddcc_aa55);
    expect(() => rom.read16(romSize)).toThrow(withCode('ERR_VFIO_RANGE'));
  });

  test('takes no writes, and says so', () => {
    const rom = device.rom as Region;
    expect([rom.readable, rom.writable]).toEqual([true, false]);
    const before = rom.read32(0);
    const unsupported = withCode('ERR_VFIO_UNSUPPORTED', {
      message: expect.stringContaining('does not support 32-bit writes'),
    });
    expect(() => rom.write32(0, 1)).toThrow(unsupported);
    expect(() => rom.write32Flush(0, 1)).toThrow(unsupported);
    expect(() => rom.writeArray(0, new Uint32Array(1))).toThrow(unsupported);
    expect(() => rom.batch([{ offset: 0 }, { offset: 0, write: 1 }]).run()).toThrow(unsupported);
    expect(() => rom.doorbell(0).write(1)).toThrow(unsupported);
    expect(rom.read32(0)).toBe(before);
  });
});
