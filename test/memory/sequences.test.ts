// SPDX-License-Identifier: MIT
// Calls that make several register accesses: flush, poll, batches, arrays, and 64 bits as two halves.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Device, openDevice, type Region } from '../../lib/index.js';
import { type MemoryDevice, useMachine } from '../../tools/testing-addon.js';
import { command } from '../support/command-register.js';
import { badIntegers, notNumbers, withCode } from './support.js';

const address = '0000:05:00.0';
const size = 0x2000;

let device: Device;
let hardware: MemoryDevice;

beforeAll(async () => {
  const bars = [
    { size },
    { size, mappable: false },
    { size, sparse: [[0x1000, 0x1000] as [number, number]] },
  ];
  hardware = useMachine({ address, group: 50, bars }).device(address);
  device = await openDevice(address);
});
afterAll(() => device.close());

describe.each([
  ['mapped', 0],
  ['not mappable', 1],
  ['mapped in part', 2],
])('a BAR that is %s', (_, bar) => {
  const region = (): Region => device.bar(bar);

  test('write32Flush writes, and reads another register when told', () => {
    region().write32Flush(0x10, 0xdeadbeef);
    region().write32Flush(0x14, 7, 0x18);
    expect([hardware.peek(bar, 0x10), hardware.peek(bar, 0x14)]).toEqual([0xdeadbeef, 7]);
  });

  test('write32Flush writes nothing when it could not flush', () => {
    hardware.poke(bar, 0x10, 1);
    expect(() => region().write32Flush(0x10, 2, size)).toThrow(withCode('ERR_VFIO_RANGE'));
    expect(() => region().write32Flush(0x10, 2, 2)).toThrow(withCode('ERR_VFIO_ALIGN'));
    expect(hardware.peek(bar, 0x10)).toBe(1);
  });

  test('poll32 gives what it read once the bits under the mask are as wanted', async () => {
    hardware.poke(bar, 0x20, 0xab00);
    const polled = region().poll32(0x20, 0xff, 0x5a);
    setImmediate(() => hardware.poke(bar, 0x20, 0xab5a));
    expect(await polled).toBe(0xab5a);
  });

  test('poll32 lets the loop turn, and times out', async () => {
    let turns = 0;
    const count = () => {
      turns++;
      counter = setImmediate(count);
    };
    let counter = setImmediate(count);
    const polled = region().poll32(0x24, 1, 1, { timeout: 30 });
    await expect(polled).rejects.toEqual(withCode('ERR_VFIO_TIMEOUT'));
    clearImmediate(counter);
    expect(turns).toBeGreaterThan(0);
  });

  test('poll32 ends with the signal, before and while it waits', async () => {
    const abort = new AbortController();
    const polled = region().poll32(0x24, 1, 1, { timeout: 60_000, signal: abort.signal });
    const reason = new Error('enough');
    setImmediate(() => abort.abort(reason));
    await expect(polled).rejects.toBe(reason);
    await expect(region().poll32(0x24, 1, 1, { signal: abort.signal })).rejects.toBe(reason);
  });

  test('poll32 with no time reads once', async () => {
    hardware.poke(bar, 0x20, 5);
    expect(await region().poll32(0x20, 0xf, 5, { timeout: 0 })).toBe(5);
    const polled = region().poll32(0x20, 0xf, 6, { timeout: 0 });
    const message = expect.stringContaining('at 0x20 was not 0x6 under the mask 0xf within 0 ms');
    await expect(polled).rejects.toEqual(withCode('ERR_VFIO_TIMEOUT', { message }));
  });

  test('poll32 ends when a reset begins', async () => {
    const polled = region().poll32(0x24, 1, 1, { timeout: 60_000 });
    hardware.resetting.hold();
    const reset = device.reset();
    await expect(polled).rejects.toEqual(withCode('ERR_VFIO_BUSY'));
    hardware.resetting.release();
    await reset;
    expect(await region().poll32(0x24, 1, 0)).toBe(0);
  });

  test('a batch runs its accesses in order, as often as wanted', () => {
    const batch = region().batch([
      { offset: 0x30, write: 0x11223344 },
      { offset: 0x30, width: 8 },
      { offset: 0x32, width: 16 },
      { offset: 0x38, width: 64, write: 0x0102030405060708n },
      { offset: 0x38, width: 64 },
      { offset: 0x3c },
    ]);
    batch.run();
    expect([1, 2, 5].map((index) => batch.value(index))).toEqual([0x44, 0x1122, 0x01020304]);
    expect(batch.value64(4)).toBe(0x0102030405060708n);
    hardware.poke(bar, 0x30, 0);
    expect(batch.run().value(1)).toBe(0x44);
  });

  test('arrays go by the width of their elements', () => {
    const sent = new Uint32Array([1, 0x80000000, 3, 0xffffffff]);
    region().writeArray(0x40, sent);
    expect([0, 4, 8, 12].map((at) => hardware.peek(bar, 0x40 + at))).toEqual([...sent]);
    const bytes = new Uint8Array(16);
    region().readArray(0x40, bytes);
    expect(bytes).toEqual(new Uint8Array(sent.buffer));
    const wide = new BigUint64Array(2);
    region().readArray(0x40, wide);
    expect([...wide]).toEqual([0x8000000000000001n, 0xffffffff00000003n]);
    const halves = new Uint16Array([0xbeef]);
    region().writeArray(0x42, halves);
    expect(hardware.peek(bar, 0x40)).toBe(0xbeef0001);
  });

  test('an array of nothing is at an offset, too', () => {
    region().readArray(0x2000, new Uint32Array());
    for (const offset of [-1, 0.5, '0', [], undefined, 0x2001] as number[]) {
      expect(() => region().writeArray(offset, new Uint32Array())).toThrow(
        expect.objectContaining({
          code: expect.stringMatching(/^ERR_(VFIO_RANGE|INVALID_ARG_TYPE)$/),
        }),
      );
    }
  });

  test('arrays and batches go over the edge of what is mapped', () => {
    const words = Uint32Array.from({ length: 8 }, (_, i) => i + 0x100);
    region().writeArray(0xff0, words);
    expect([0xff0, 0xffc, 0x1000, 0x100c].map((at) => hardware.peek(bar, at))).toEqual([
      0x100, 0x103, 0x104, 0x107,
    ]);
    const back = new Uint32Array(8);
    region().readArray(0xff0, back);
    expect(back).toEqual(words);
    const batch = region()
      .batch([
        { offset: 0xffc, write: 1 },
        { offset: 0x1000, write: 2 },
        { offset: 0xff8, width: 64 },
        { offset: 0x1000, width: 16 },
      ])
      .run();
    expect([batch.value64(2), batch.value(3)]).toEqual([0x1_0000_0102n, 2]);
    expect(region().read64LowFirst(0xffc)).toBe(0x2_0000_0001n);
  });

  test('an array may be empty, and takes part of a larger one', () => {
    hardware.poke(bar, 0x60, 9);
    const array = new Uint32Array([1, 2, 3, 4]);
    region().readArray(size, new Uint32Array(0));
    region().readArray(0x60, array.subarray(1, 2));
    expect([...array]).toEqual([1, 9, 3, 4]);
    region().writeArray(0x60, array.subarray(3));
    expect(hardware.peek(bar, 0x60)).toBe(4);
  });

  test('an array that passes the end is refused whole', () => {
    hardware.poke(bar, size - 4, 9);
    const array = new Uint32Array([1, 2]);
    expect(() => region().readArray(size - 4, array)).toThrow(withCode('ERR_VFIO_RANGE'));
    expect([...array]).toEqual([1, 2]);
    expect(() => region().writeArray(size - 4, array)).toThrow(withCode('ERR_VFIO_RANGE'));
    expect(hardware.peek(bar, size - 4)).toBe(9);
  });

  test('64 bits in halves, in either order', () => {
    region().write64LowFirst(0x50, 0x1122334455667788n);
    expect(region().read64HighFirst(0x50)).toBe(0x1122334455667788n);
    region().write64HighFirst(0x54, 0xffffffff00000000n);
    expect(region().read64LowFirst(0x54)).toBe(0xffffffff00000000n);
  });

  test('a bus error stops them', async () => {
    const batch = region().batch([{ offset: 0 }, { offset: 4, write: 1 }]);
    hardware.setDecode(false);
    try {
      expect(() => batch.run()).toThrow(withCode('ERR_VFIO_BUS'));
      expect(() => region().write32Flush(0, 1)).toThrow(withCode('ERR_VFIO_BUS'));
      expect(() => region().readArray(0, new Uint32Array(4))).toThrow(withCode('ERR_VFIO_BUS'));
      await expect(region().poll32(0, 1, 1)).rejects.toEqual(withCode('ERR_VFIO_BUS'));
    } finally {
      hardware.setDecode(true);
    }
    expect(batch.run().length).toBe(2);
  });
});

test('config space takes them in 8, 16 and 32 bits', async () => {
  const words = new Uint16Array(2);
  device.config.readArray(0, words);
  expect([...words]).toEqual([device.info.vendorId, device.info.deviceId]);
  expect(
    device.config
      .batch([{ offset: 2, width: 16 }])
      .run()
      .value(0),
  ).toBe(device.info.deviceId);
  expect(await device.config.poll32(4, command.memory, command.memory)).toBe(
    device.config.read32(4),
  );
});

test('config space has no 64 bits but in halves, and a batch names the access that failed', () => {
  const unsupported = withCode('ERR_VFIO_UNSUPPORTED', {
    message: expect.stringContaining('read64 of CONFIG of 0000:05:00.0 at 0x8'),
  });
  expect(() => device.config.read64(8)).toThrow(unsupported);
  const wide = device.config.batch([{ offset: 0 }, { offset: 8, width: 64 }, { offset: 0x10 }]);
  expect(() => wide.run()).toThrow(unsupported);
  expect(wide.value(0)).toBe(device.config.read32(0));
  expect(() => device.config.readArray(8, new BigUint64Array(1))).toThrow(unsupported);
  expect(device.config.read64LowFirst(0)).toBe(device.config.read64HighFirst(0));
  const write = withCode('ERR_VFIO_UNSUPPORTED', { message: expect.stringContaining('write64') });
  expect(() => device.config.write64(8, 0n)).toThrow(write);
});

describe('F18/ what is refused before anything is touched', () => {
  const refused: [string, string, (region: Region) => unknown][] = [
    ['an offset past the end', 'ERR_VFIO_RANGE', (r) => r.batch([{ offset: size }])],
    ['an offset not aligned', 'ERR_VFIO_ALIGN', (r) => r.batch([{ offset: 2 }])],
    ['an offset that is a fraction', 'ERR_VFIO_RANGE', (r) => r.batch([{ offset: 0.5 }])],
    ['a value too wide', 'ERR_VFIO_RANGE', (r) => r.batch([{ offset: 0, width: 8, write: 256 }])],
    ['a bigint for 32 bits', 'ERR_INVALID_ARG_TYPE', (r) => r.batch([{ offset: 0, write: 1n }])],
    ['an unknown key', 'ERR_INVALID_ARG_VALUE', (r) => r.batch([{ offset: 0, ...{ vlaue: 1 } }])],
    ['no list', 'ERR_INVALID_ARG_TYPE', (r) => r.batch({} as never)],
    ['a width of 24', 'ERR_INVALID_ARG_TYPE', (r) => r.batch([{ offset: 0, width: 24 as never }])],
    ['an array past the end', 'ERR_VFIO_RANGE', (r) => r.readArray(size - 4, new Uint32Array(2))],
    [
      'an array of floats',
      'ERR_INVALID_ARG_TYPE',
      (r) => r.readArray(0, new Float32Array(1) as never),
    ],
    ['a pair not aligned', 'ERR_VFIO_ALIGN', (r) => r.read64LowFirst(2)],
    ['a pair past the end', 'ERR_VFIO_RANGE', (r) => r.write64HighFirst(size - 4, 0n)],
    ['a negative pair', 'ERR_VFIO_RANGE', (r) => r.write64LowFirst(0, -1n)],
  ];
  test.each(refused)('%s: %s', (_, code, use) => {
    expect(() => use(device.bar(0))).toThrow(withCode(code));
  });

  /** The calls that take an offset, and the calls that take a value of 32 or 64 bits. */
  const withOffset: [string, number, (region: Region, offset: never) => unknown][] = [
    ['write32Flush', 4, (r, offset) => r.write32Flush(offset, 1)],
    ['write32Flush, of its read', 4, (r, offset) => r.write32Flush(0, 1, offset ?? null)],
    ['poll32', 4, (r, offset) => r.poll32(offset, 0, 0)],
    ['read64LowFirst', 4, (r, offset) => r.read64LowFirst(offset)],
    ['read64HighFirst', 4, (r, offset) => r.read64HighFirst(offset)],
    ['write64LowFirst', 4, (r, offset) => r.write64LowFirst(offset, 1n)],
    ['write64HighFirst', 4, (r, offset) => r.write64HighFirst(offset, 1n)],
    ['readArray', 4, (r, offset) => r.readArray(offset, new Uint32Array(1))],
    ['writeArray', 8, (r, offset) => r.writeArray(offset, new BigUint64Array(1))],
    ['batch', 4, (r, offset) => r.batch([{ offset }])],
  ];
  const withValue: [string, number, (region: Region, value: never) => unknown][] = [
    ['write32Flush', 32, (r, value) => r.write32Flush(0, value)],
    ['poll32, of its mask', 32, (r, value) => r.poll32(0, value, 0)],
    ['poll32, of its value', 32, (r, value) => r.poll32(0, 0, value)],
    ['write64LowFirst', 64, (r, value) => r.write64LowFirst(0, value)],
    ['write64HighFirst', 64, (r, value) => r.write64HighFirst(0, value)],
    ['batch', 32, (r, value) => r.batch([{ offset: 0, write: value ?? null }])],
    [
      'batch of 64 bits',
      64,
      (r, value) => r.batch([{ offset: 0, width: 64, write: value ?? null }]),
    ],
  ];

  /** The code of the error of a call. Fails if the call changed a register. */
  async function codeOf(use: (region: Region) => unknown): Promise<string> {
    for (const offset of [0, 4, size - 4]) hardware.poke(0, offset, 0x77);
    const code = await new Promise((resolve) => resolve(use(device.bar(0)))).then(
      () => 'none',
      (error) => error.code,
    );
    for (const offset of [0, 4, size - 4]) expect(hardware.peek(0, offset)).toBe(0x77);
    return code;
  }

  test.each(withOffset)('a wrong offset of %s', async (_, align, use) => {
    for (const offset of [...badIntegers, size, 2 ** 32, -align]) {
      expect(await codeOf((region) => use(region, offset as never))).toBe('ERR_VFIO_RANGE');
    }
    for (const [, offset] of notNumbers) {
      expect(await codeOf((region) => use(region, offset as never))).toBe('ERR_INVALID_ARG_TYPE');
    }
    expect(await codeOf((region) => use(region, 1 as never))).toBe('ERR_VFIO_ALIGN');
    expect(await codeOf((region) => use(region, (align / 2) as never))).toBe('ERR_VFIO_ALIGN');
  });

  test.each(withValue)('a wrong value of %s', async (_, width, use) => {
    const wrong = width === 64 ? [-1n, 2n ** 64n, 2n ** 70n] : [...badIntegers, 2 ** 32];
    for (const value of wrong) {
      expect(await codeOf((region) => use(region, value as never))).toBe('ERR_VFIO_RANGE');
    }
    const others =
      width === 64
        ? [1, ...notNumbers.map(([, value]) => value)]
        : notNumbers.map(([, value]) => value);
    for (const value of others.filter((value) => width !== 64 || typeof value !== 'bigint')) {
      expect(await codeOf((region) => use(region, value as never))).toBe('ERR_INVALID_ARG_TYPE');
    }
  });

  test.each([
    ['what is no array', {}],
    ['a list of numbers', [1, 2]],
    ['floats', new Float64Array(1)],
    ['signed numbers', new Int32Array(1)],
    ['clamped numbers', new Uint8ClampedArray(4)],
    ['a buffer without a view', new ArrayBuffer(4)],
    ['a DataView', new DataView(new ArrayBuffer(4))],
    ['nothing', undefined],
  ])('an array that is %s', async (_, array) => {
    const codes = [
      await codeOf((region) => region.readArray(0, array as never)),
      await codeOf((region) => region.writeArray(0, array as never)),
    ];
    expect(codes).toEqual(['ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_TYPE']);
  });

  test('an array that lies about its length goes no further than the region', () => {
    const lie = (array: Uint8Array | Uint32Array, name: string, value: number) =>
      Object.defineProperty(array, name, { value });
    const region = device.bar(0);
    for (const array of [
      lie(new Uint32Array(4), 'byteLength', 4),
      lie(new Uint8Array(8), 'BYTES_PER_ELEMENT', 4),
    ]) {
      expect(() => region.readArray(size - 4, array)).toThrow(withCode('ERR_VFIO_RANGE'));
      expect(() => region.writeArray(size - 4, array)).toThrow(withCode('ERR_VFIO_RANGE'));
    }
  });

  test.each([
    ['a timeout of -1', { timeout: -1 }, 'ERR_VFIO_RANGE'],
    ['a timeout of half a millisecond', { timeout: 0.5 }, 'ERR_VFIO_RANGE'],
    ['a timeout that no timer has', { timeout: 2 ** 31 }, 'ERR_VFIO_RANGE'],
    ['a timeout in words', { timeout: '1' }, 'ERR_INVALID_ARG_TYPE'],
    ['a signal that is none', { signal: {} }, 'ERR_INVALID_ARG_TYPE'],
    ['an unknown option', { timeut: 1 }, 'ERR_INVALID_ARG_VALUE'],
    ['options that are a number', 5, 'ERR_INVALID_ARG_TYPE'],
  ])('a poll with %s', async (_, options, code) => {
    expect(await codeOf((region) => region.poll32(0, 0, 0, options as never))).toBe(code);
  });

  test('an access of a batch that it does not have', () => {
    const batch = device
      .bar(0)
      .batch([{ offset: 0 }])
      .run();
    for (const index of [1, ...badIntegers]) {
      expect(() => batch.value(index)).toThrow(withCode('ERR_VFIO_RANGE'));
      expect(() => batch.value64(index)).toThrow(withCode('ERR_VFIO_RANGE'));
    }
    expect(() => device.bar(0).batch([]).run().value(0)).toThrow(withCode('ERR_VFIO_RANGE'));
  });
});

test('-0 is 0, as an offset and as a value', () => {
  const region = device.bar(0);
  region.write32(-0, 5);
  expect(region.read32(-0)).toBe(5);
  region.write32Flush(-0, -0);
  expect(hardware.peek(0, 0)).toBe(0);
  region.write8(0, 7);
  region.write8(0, -0);
  expect(hardware.peek(0, 0)).toBe(0);
});

test('a device that is closed refuses them', async () => {
  const address = '0000:05:01.0';
  useMachine({ address, group: 51 });
  const other = await openDevice(address);
  const region = other.bar(0);
  const batch = region.batch([{ offset: 0 }]);
  const empty = region.batch([]);
  const closed = withCode('ERR_VFIO_CLOSED');
  const polled = expect(region.poll32(0, 1, 1, { timeout: 60_000 })).rejects.toEqual(closed);
  await other.close();
  await polled;
  expect(() => region.writeArray(0, new Uint8Array(1))).toThrow(closed);
  expect(() => region.read64LowFirst(0)).toThrow(closed);
  expect(() => region.write64HighFirst(0, 0n)).toThrow(closed);
  expect(() => batch.run()).toThrow(closed);
  expect(() => empty.run()).toThrow(closed);
  expect(() => region.readArray(0, new Uint8Array(1))).toThrow(closed);
  expect(() => region.write32Flush(0, 0)).toThrow(closed);
  await expect(region.poll32(0, 1, 1)).rejects.toEqual(closed);
});
