// SPDX-License-Identifier: MIT
// Every number that the public API takes, at the limits of number types. No number is rounded, wrapped or truncated:
// a number that does not fit is refused, and changes nothing.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  bindRegisters,
  Container,
  type Device,
  type DmaBuffer,
  defineRegisters,
  type Interrupt,
  type InterruptSet,
  listDevices,
  openDevice,
  type Region,
} from '../../lib/index.js';
import { useMachine } from '../../tools/testing-addon.js';
import { expectNothingOpen, withCode } from './support.js';

const address = '0000:14:00.0';
const size = 0x1000;
const machine = useMachine({ address, group: 200, bars: [{ size }], msix: 4 });
const hardware = machine.device(address);

let container: Container;
let device: Device;
let bar: Region;
let interrupts: InterruptSet;
let vector: Interrupt;
let buffer: DmaBuffer;

beforeAll(async () => {
  container = await Container.open();
  device = await container.openDevice(address);
  device.busMaster = true;
  bar = device.bar(0);
  interrupts = device.enableInterrupts('msix', { count: 2 });
  vector = interrupts.vector(0);
  buffer = container.allocDma(4096);
});

afterAll(async () => {
  await container.close();
  expectNothingOpen(machine, address);
});

/** The numbers one below, at and one above each power of two that is the limit of a number type. */
const edges = [31, 32, 53, 63, 64].flatMap((power) =>
  [-1n, 0n, 1n].map((by) => 2n ** BigInt(power) + by),
);
const numbers = [...new Set(edges.map(Number))];
const noIntegers = [0.5, 1.5, -0.5, 2 ** 31 + 0.5, Number.NaN, Number.POSITIVE_INFINITY, -Infinity];
const negatives = [-1, ...numbers.map((number) => -number)];

const map = defineRegisters({ A: { at: 0, width: 32 } });
const u32 = 0xffff_ffff;
const timerMost = 2 ** 31 - 1;

/** The calls that take a number, each with the largest number that it accepts. */
const callsWithNumber: Record<string, [most: number, take: (value: number) => unknown]> = {
  'Container.openGroup(id)': [timerMost, (id) => container.openGroup(id)],
  'Container.allocDma(bytes)': [2 ** 46, (bytes) => container.allocDma(bytes)],
  'Device.allocDma(bytes)': [2 ** 46, (bytes) => device.allocDma(bytes)],
  'openDevice({ requestGrace })': [
    timerMost,
    (requestGrace) => openDevice(address, { requestGrace }),
  ],
  'Device.region(index)': [8, (index) => device.region(index)],
  'Device.bar(index)': [5, (index) => device.bar(index)],
  'Device.enableInterrupts({ count })': [4, (count) => device.enableInterrupts('msix', { count })],
  'InterruptSet.vector(index)': [1, (index) => interrupts.vector(index)],
  'Interrupt.once({ timeout })': [timerMost, (timeout) => vector.once({ timeout })],
  'Interrupt.waitSync(timeout)': [timerMost, (timeout) => vector.waitSync(timeout)],
  'Region.read8(offset)': [size - 1, (offset) => bar.read8(offset)],
  'Region.read16(offset)': [size - 2, (offset) => bar.read16(offset)],
  'Region.read32(offset)': [size - 4, (offset) => bar.read32(offset)],
  'Region.read64(offset)': [size - 8, (offset) => bar.read64(offset)],
  'Region.read64LowFirst(offset)': [size - 8, (offset) => bar.read64LowFirst(offset)],
  'Region.read64HighFirst(offset)': [size - 8, (offset) => bar.read64HighFirst(offset)],
  'Region.readArray(offset)': [size - 4, (offset) => bar.readArray(offset, new Uint32Array(1))],
  'Region.write8(offset)': [size - 1, (offset) => bar.write8(offset, 1)],
  'Region.write16(offset)': [size - 2, (offset) => bar.write16(offset, 1)],
  'Region.write32(offset)': [size - 4, (offset) => bar.write32(offset, 1)],
  'Region.write64(offset)': [size - 8, (offset) => bar.write64(offset, 1n)],
  'Region.write64LowFirst(offset)': [size - 8, (offset) => bar.write64LowFirst(offset, 1n)],
  'Region.write64HighFirst(offset)': [size - 8, (offset) => bar.write64HighFirst(offset, 1n)],
  'Region.write32Flush(offset)': [size - 4, (offset) => bar.write32Flush(offset, 1)],
  'Region.write32Flush(…, readOffset)': [size - 4, (offset) => bar.write32Flush(0, 1, offset)],
  'Region.writeArray(offset)': [size - 4, (offset) => bar.writeArray(offset, Uint32Array.of(1))],
  'Region.poll32(offset)': [size - 4, (offset) => bar.poll32(offset, 0, 0)],
  'Region.doorbell(offset)': [size - 4, (offset) => bar.doorbell(offset)],
  'Region.batch({ offset })': [size - 4, (offset) => bar.batch([{ offset, write: 1 }]).run()],
  'Region.write8(…, value)': [0xff, (value) => bar.write8(0, value)],
  'Region.write16(…, value)': [0xffff, (value) => bar.write16(0, value)],
  'Region.write32(…, value)': [u32, (value) => bar.write32(0, value)],
  'Region.write32Flush(…, value)': [u32, (value) => bar.write32Flush(0, value)],
  'Region.poll32(…, mask)': [u32, (mask) => bar.poll32(0, mask, 0, { timeout: 0 })],
  'Region.poll32(…, value)': [u32, (value) => bar.poll32(0, 0, value, { timeout: 0 })],
  'Region.poll32({ timeout })': [timerMost, (timeout) => bar.poll32(0, 0, 0, { timeout })],
  'Region.batch({ write })': [u32, (write) => bar.batch([{ offset: 0, write }]).run()],
  'Doorbell.write(value)': [u32, (value) => bar.doorbell(0).write(value)],
  'Batch.value(index)': [0, (index) => bar.batch([{ offset: 0 }]).value(index)],
  'Batch.value64(index)': [0, (index) => bar.batch([{ offset: 0 }]).value64(index)],
  'Writable.write(value)': [u32, (value) => bindRegisters(bar, map).A.write(value)],
  'bindRegisters(base)': [size - 4, (base) => bindRegisters(bar, map, base)],
  'ConfigSpace.command=': [
    0xffff,
    (value) => {
      device.config.command = value;
    },
  ],
  'ConfigSpace.find(id)': [0xff, (id) => device.config.find(id)],
  'ConfigSpace.findExtended(id)': [0xffff, (id) => device.config.findExtended(id)],
  'DmaBuffer.address(offset)': [4095, (offset) => buffer.address(offset)],
  'DmaBuffer.low(offset)': [4095, (offset) => buffer.low(offset)],
  'DmaBuffer.high(offset)': [4095, (offset) => buffer.high(offset)],
  'DmaBuffer.copyFrom(offset)': [4095, (offset) => buffer.copyFrom(Uint8Array.of(1), offset)],
  'DmaBuffer.copyTo(offset)': [4095, (offset) => buffer.copyTo(new Uint8Array(1), offset)],
  'DmaBuffer.copyTo(length)': [8, (length) => buffer.copyTo(new Uint8Array(8), 0, length)],
  'listDevices({ vendorId })': [0xffff, (vendorId) => listDevices({ vendorId })],
  'listDevices({ deviceId })': [0xffff, (deviceId) => listDevices({ deviceId })],
  'listDevices({ classCode })': [0xff_ffff, (classCode) => listDevices({ classCode })],
  'listDevices({ baseClass })': [0xff, (baseClass) => listDevices({ baseClass })],
  'listDevices({ subclass })': [0xff, (subclass) => listDevices({ subclass })],
};

/** The code can be ERR_VFIO_ALIGN too: 2^53 - 1 bytes, for example, are also not a multiple of the page size. */
const refused = expect.objectContaining({
  code: expect.stringMatching(/^ERR_VFIO_(RANGE|ALIGN)$/),
  name: 'RangeError',
});

/** The state that a wrongly accepted number could change. */
function state() {
  return [
    Array.from({ length: 8 }, (_, index) => hardware.peek(0, 4 * index)),
    hardware.command(),
    hardware.counts(),
    machine.mappings(200).length,
    [...buffer.u8.subarray(0, 16)],
    container.groups.length,
  ];
}

describe('F19/ a number that does not fit is refused, and changes nothing, by', () => {
  test.each(Object.entries(callsWithNumber))('%s', async (_, [most, take]) => {
    const before = state();
    const tooLarge = numbers.filter((number) => number > most);
    expect(tooLarge.length).toBeGreaterThan(0);
    // Cut to 32 bits, 2^32 would be 0. As a double, 2^53 + 1 is the same as 2^53.
    for (const value of [...tooLarge, ...negatives, ...noIntegers]) {
      await expect((async () => take(value))()).rejects.toEqual(refused);
    }
    // A bigint is not a number, even if its value fits.
    await expect((async () => take(1n as never))()).rejects.toEqual(
      withCode('ERR_INVALID_ARG_TYPE'),
    );
    expect(state()).toEqual(before);
  });
});

describe('F19/ 64 bits are whole in', () => {
  const values = [0n, 1n, ...edges.filter((value) => value < 2n ** 64n)];

  test.each(values)('a register: %d', (value) => {
    bar.write64(8, value);
    expect(bar.read64(8)).toBe(value);
    bar.write64LowFirst(8, value);
    expect(bar.read64HighFirst(8)).toBe(value);
    expect(
      bar
        .batch([{ offset: 8, width: 64 }])
        .run()
        .value64(0),
    ).toBe(value);
    bar.writeArray(16, BigUint64Array.of(value));
    expect(bar.read64LowFirst(16)).toBe(value);
  });

  test.each([-1n, -(2n ** 63n), 2n ** 64n, 2n ** 64n + 1n, 2n ** 65n])(
    'or refused: %d',
    (value) => {
      const before = state();
      for (const write of ['write64', 'write64LowFirst', 'write64HighFirst'] as const) {
        expect(() => bar[write](8, value)).toThrow(withCode('ERR_VFIO_RANGE'));
        expect(() => bar[write](8, 1 as never)).toThrow(withCode('ERR_INVALID_ARG_TYPE'));
      }
      const batch = () => bar.batch([{ offset: 8, width: 64, write: value }]);
      expect(batch).toThrow(withCode('ERR_VFIO_RANGE'));
      expect(() => container.allocDma(4096, { iova: value })).toThrow(withCode('ERR_VFIO_RANGE'));
      expect(state()).toEqual(before);
    },
  );

  const iovas = [31n, 32n].map((power) => 2n ** power);
  test.each(iovas)('an address: %d', (iova) => {
    for (const at of [iova - 4096n, iova]) {
      using mapped = container.allocDma(4096, { iova: at });
      expect(machine.mappings(200).map((mapping) => mapping.iova)).toContain(at);
      const last = at + 4095n;
      expect(BigInt(mapped.address(4095))).toBe(last);
      expect((BigInt(mapped.high(4095)) << 32n) | BigInt(mapped.low(4095))).toBe(last);
    }
  });

  test.each(edges.filter((iova) => iova < 2n ** 64n))('an IOVA that is refused: %d', (iova) => {
    if (iova % 4096n === 0n && iova < 2n ** 39n) return;
    const code = iova % 4096n === 0n ? 'ERR_VFIO_RANGE' : 'ERR_VFIO_ALIGN';
    const before = state();
    expect(() => container.allocDma(4096, { iova })).toThrow(withCode(code));
    expect(state()).toEqual(before);
  });
});

describe('F13/ no memory but the library’s own is mapped', () => {
  const foreign: [string, unknown][] = [
    ['a Buffer', Buffer.alloc(4096)],
    ['a slice of the pool', Buffer.from('abc')],
    ['a Uint8Array', new Uint8Array(4096)],
    ['an ArrayBuffer', new ArrayBuffer(4096)],
    ['a SharedArrayBuffer', new SharedArrayBuffer(4096)],
    ['a DataView', new DataView(new ArrayBuffer(4096))],
    ['an address', 0x7f00_0000_0000n],
  ];

  test.each(foreign)('not %s', (_, memory) => {
    const before = state();
    const wrongType = withCode('ERR_INVALID_ARG_TYPE');
    // @ts-expect-error: a size must be a number
    const asSize: Parameters<Container['allocDma']>[0] = memory;
    expect(() => container.allocDma(asSize)).toThrow(wrongType);
    for (const option of ['memory', 'buffer', 'address', 'vaddr']) {
      const options = { [option]: memory } as object;
      expect(() => container.allocDma(4096, options)).toThrow(withCode('ERR_INVALID_ARG_VALUE'));
    }
    expect(() => device.grant({ memory: [memory as DmaBuffer] })).toThrow(wrongType);
    expect(state()).toEqual(before);
  });

  test('not what pretends to be a buffer of its', () => {
    const pretender = Object.create(buffer) as DmaBuffer;
    expect(() => device.grant({ memory: [pretender] })).toThrow();
    expect(() => pretender.u8).toThrow();
  });
});
