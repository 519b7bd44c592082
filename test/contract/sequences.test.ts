// SPDX-License-Identifier: MIT
// Several register accesses in one call: flush, poll, batches, arrays, 64 bits in halves.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Device, openDevice, type Region } from '../../lib/index.js';
import { type MemoryDevice, useMachine } from '../support/testing.js';
import { command, withCode } from './support.js';

const address = '0000:05:00.0';
const size = 0x2000;

let device: Device;
let hardware: MemoryDevice;

beforeAll(async () => {
  const bars = [{ size }, { size, mappable: false }];
  hardware = useMachine({ address, group: 50, bars }).device(address);
  device = await openDevice(address);
});
afterAll(() => device.close());

describe.each([
  ['mapped', 0],
  ['not mappable', 1],
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
    expect(turns).toBeGreaterThan(3);
  });

  test('poll32 ends with the signal', async () => {
    const reason = new Error('enough');
    const polled = region().poll32(0x24, 1, 1, { signal: AbortSignal.abort(reason) });
    await expect(polled).rejects.toBe(reason);
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
  const wide = device.config.batch([{ offset: 0 }, { offset: 8, width: 64 }]);
  expect(() => wide.run()).toThrow(withCode('ERR_VFIO_UNSUPPORTED'));
  expect(wide.value(0)).not.toBe(0);
});

describe('what is refused before anything is touched', () => {
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

  test.each([
    ['the offset', () => device.bar(0).poll32(1, 0, 0)],
    ['the mask', () => device.bar(0).poll32(0, -1, 0)],
    ['the value', () => device.bar(0).poll32(0, 0, 2 ** 32)],
    ['the timeout', () => device.bar(0).poll32(0, 0, 0, { timeout: -1 })],
  ])('a poll checks %s', async (_, poll) => {
    await expect(poll()).rejects.toHaveProperty('code');
  });
});

test('a device that is closed refuses them', async () => {
  const address = '0000:05:01.0';
  useMachine({ address, group: 51 });
  const other = await openDevice(address);
  const region = other.bar(0);
  const batch = region.batch([{ offset: 0 }]);
  await other.close();
  const closed = withCode('ERR_VFIO_CLOSED');
  expect(() => batch.run()).toThrow(closed);
  expect(() => region.readArray(0, new Uint8Array(1))).toThrow(closed);
  expect(() => region.write32Flush(0, 0)).toThrow(closed);
  await expect(region.poll32(0, 1, 1)).rejects.toEqual(closed);
});
