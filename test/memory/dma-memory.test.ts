// SPDX-License-Identifier: MIT
// The memory of a DMA buffer. The device and the program see the same bytes. After close(), neither can harm the
// other, even if the program still holds a view or a background task still works on one.
import { randomFill } from 'node:crypto';
import { open as openFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { deflate } from 'node:zlib';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Device, type DmaBuffer, openDevice } from '../../lib/index.js';
import { useMachine } from '../../tools/testing-addon.js';
import { turn } from '../support/turn.js';
import { expectNothingOpen, withCode } from './support.js';

const address = '0000:0b:00.0';
const page = 4096;
const MiB = 2 ** 20;
const machine = useMachine({ address, group: 110 });
const hardware = machine.device(address);

let device: Device;

beforeEach(async () => {
  device = await openDevice(address);
  device.busMaster = true;
});
afterEach(() => device.close());
afterAll(() => expectNothingOpen(machine, address));

const bytes = (...values: number[]) => Uint8Array.from(values);

describe('an open buffer', () => {
  test('is zeroed', () => {
    const buffer = device.allocDma(2 * MiB);
    expect(buffer.u32.every((word) => word === 0)).toBe(true);
    expect(hardware.dmaRead(buffer.iova, page)).toEqual(Buffer.alloc(page));
  });

  test('shows what the device writes, at every byte of it', () => {
    const buffer = device.allocDma(2 * page);
    expect(hardware.dmaWrite(buffer.iova, bytes(1, 2, 3, 4))).toBe(true);
    expect(hardware.dmaWrite(buffer.iova + 8191n, bytes(9))).toBe(true);
    expect([...buffer.u8.subarray(0, 5), buffer.u8[8191]]).toEqual([1, 2, 3, 4, 0, 9]);
    expect(Atomics.load(buffer.u32, 0)).toBe(0x04030201);
  });

  test('shows the device what the program writes', () => {
    const buffer = device.allocDma(page);
    buffer.u32[0] = 0x04030201;
    buffer.u8[4095] = 9;
    expect(hardware.dmaRead(buffer.iova, 4)).toEqual(Buffer.of(1, 2, 3, 4));
    expect(hardware.dmaRead(buffer.iova + 4095n, 1)).toEqual(Buffer.of(9));
  });

  test('has the same arrays every time, over one memory', () => {
    const buffer = device.allocDma(page);
    expect(buffer.u8).toBe(buffer.u8);
    expect(buffer.u32).toBe(buffer.u32);
    expect(buffer.buffer).toBe(buffer.buffer);
    expect(buffer.u8.buffer).toBe(buffer.buffer);
    expect([buffer.u8.length, buffer.u32.length]).toEqual([page, page / 4]);
  });

  test('is copied in and out', () => {
    const buffer = device.allocDma(page);
    buffer.copyFrom(bytes(1, 2, 3), 1);
    expect(hardware.dmaRead(buffer.iova, 5)).toEqual(Buffer.of(0, 1, 2, 3, 0));
    const out = new Uint16Array(2);
    buffer.copyTo(out, 1, 3);
    expect([...out]).toEqual([0x0201, 0x0003]);
    buffer.copyFrom(Buffer.from('abc').subarray(1), page - 2);
    expect(hardware.dmaRead(buffer.iova + 4094n, 2)?.toString()).toBe('bc');
  });

  test('refuses copies that do not fit, and changes nothing', () => {
    const buffer = device.allocDma(page);
    const range = withCode('ERR_VFIO_RANGE');
    expect(() => buffer.copyFrom(new Uint8Array(page + 1))).toThrow(range);
    expect(() => buffer.copyFrom(bytes(1), page)).toThrow(range);
    for (const offset of [-1, 0.5, Number.NaN, page + 1, 2 ** 53]) {
      expect(() => buffer.copyFrom(bytes(1), offset)).toThrow(range);
      expect(() => buffer.copyTo(new Uint8Array(1), offset)).toThrow(range);
    }
    expect(() => buffer.copyTo(new Uint8Array(2), 0, 3)).toThrow(range);
    for (const wrong of [null, undefined, 'abc', [1], {}, 1]) {
      expect(() => buffer.copyFrom(wrong as never)).toThrow(withCode('ERR_INVALID_ARG_TYPE'));
      expect(() => buffer.copyTo(wrong as never)).toThrow(withCode('ERR_INVALID_ARG_TYPE'));
    }
    expect(buffer.u8.every((byte) => byte === 0)).toBe(true);
  });

  test('has addresses for its bytes and for nothing else', () => {
    const buffer = device.allocDma(page, { iova: 0x12_3456_7000n });
    expect(buffer.address(1)).toBe(0x12_3456_7001);
    expect([buffer.high(), buffer.low(0xfff)]).toEqual([0x12, 0x3456_7fff]);
    for (const offset of [-1, page, 0.5, Number.NaN, 2 ** 53]) {
      expect(() => buffer.address(offset)).toThrow(withCode('ERR_VFIO_RANGE'));
      expect(() => buffer.low(offset)).toThrow(withCode('ERR_VFIO_RANGE'));
      expect(() => buffer.high(offset)).toThrow(withCode('ERR_VFIO_RANGE'));
    }
    expect(() => buffer.address('0' as never)).toThrow(withCode('ERR_INVALID_ARG_TYPE'));
  });
});

describe('F8/ the device is stopped', () => {
  test('when it writes to what it may only read, or reads what it may only write', () => {
    const source = device.allocDma(page, { direction: 'toDevice' });
    const target = device.allocDma(page, { direction: 'fromDevice' });
    const { dmaFaults } = machine.counts();
    expect(hardware.dmaWrite(source.iova, bytes(1))).toBe(false);
    expect(hardware.dmaRead(target.iova, 1)).toBeUndefined();
    expect(machine.counts().dmaFaults).toBe(dmaFaults + 2);
    expect(hardware.dmaRead(source.iova, 1)).toEqual(Buffer.of(0));
    expect(hardware.dmaWrite(target.iova, bytes(1))).toBe(true);
  });

  test('a byte before and a byte behind a buffer', () => {
    const buffer = device.allocDma(page);
    expect(hardware.dmaWrite(buffer.iova - 1n, bytes(1))).toBe(false);
    expect(hardware.dmaWrite(buffer.iova + 4096n, bytes(1))).toBe(false);
    expect(hardware.dmaRead(buffer.iova + 4095n, 2)).toBeUndefined();
  });

  test('while bus master is off', () => {
    const buffer = device.allocDma(page);
    device.busMaster = false;
    expect(hardware.dmaWrite(buffer.iova, bytes(1))).toBe(false);
    expect(buffer.u8[0]).toBe(0);
  });

  test('when it comes late, after close', () => {
    const buffer = device.allocDma(page);
    const { iova } = buffer;
    buffer.close();
    const next = device.allocDma(page);
    const { dmaFaults } = machine.counts();
    expect(hardware.dmaWrite(iova, bytes(1, 2, 3))).toBe(false);
    expect(hardware.dmaRead(iova, 3)).toBeUndefined();
    expect(machine.counts().dmaFaults).toBe(dmaFaults + 2);
    expect(next.u8.every((byte) => byte === 0)).toBe(true);
  });
});

describe('F1/ after close', () => {
  /** Moves the memory to another ArrayBuffer. Only Node 22 and newer versions have this function. */
  const { transfer } = ArrayBuffer.prototype as unknown as { transfer?: () => ArrayBuffer };
  const views: [string, (buffer: DmaBuffer) => () => number | undefined][] = [
    [
      'u8',
      ({ u8 }) =>
        () =>
          u8[5],
    ],
    [
      'u32',
      ({ u32 }) =>
        () =>
          u32[1],
    ],
    [
      'a sub-array',
      ({ u8 }) =>
        (
          (part) => () =>
            part[1]
        )(u8.subarray(4, 8)),
    ],
    [
      'a DataView',
      ({ buffer }) =>
        (
          (view) => () =>
            view.getUint8(5)
        )(new DataView(buffer, 0)),
    ],
    [
      'a Buffer',
      ({ buffer }) =>
        (
          (view) => () =>
            view.readUInt8(5)
        )(Buffer.from(buffer)),
    ],
    [
      'Atomics',
      ({ u32 }) =>
        () =>
          Atomics.load(u32, 1),
    ],
    ...(transfer === undefined
      ? []
      : [
          [
            'a transferred buffer',
            ({ buffer }: DmaBuffer) => {
              const moved = new Uint8Array(transfer.call(buffer));
              return () => moved[5];
            },
          ] as [string, (buffer: DmaBuffer) => () => number | undefined],
        ]),
  ];

  describe.each([
    ['the buffer', (buffer: DmaBuffer) => buffer.close()],
    ['its container', () => device.close()],
  ])('of %s', (_, close) => {
    test.each(views)('%s from before reads zeros', async (_, take) => {
      const buffer = device.allocDma(page);
      const read = take(buffer);
      hardware.dmaWrite(buffer.iova, new Uint8Array(page).fill(0x77));
      expect(read()).toBeGreaterThan(0);
      await close(buffer);
      expect(read()).toBe(0);
    });
  });

  test('a write reaches nobody', () => {
    const buffer = device.allocDma(page);
    const { u8 } = buffer;
    buffer.close();
    const next = device.allocDma(page);
    u8.fill(0xff);
    expect(u8[0]).toBe(0xff);
    expect(next.u8[0]).toBe(0);
    expect(hardware.dmaRead(next.iova, 1)).toEqual(Buffer.of(0));
  });

  test('an optimised loop over a view goes on', () => {
    const buffer = device.allocDma(page);
    const { u32 } = buffer;
    const sum = () => {
      let total = 0;
      for (let i = 0; i < u32.length; i++) total += u32[i] as number;
      return total;
    };
    u32.fill(1);
    for (let i = 0; i < 2000; i++) expect(sum() === page / 4).toBe(true);
    buffer.close();
    expect(sum()).toBe(0);
  });

  test('what is found of it is its place and its size', () => {
    const buffer = device.allocDma(page);
    const { iova } = buffer;
    buffer.close();
    expect([buffer.iova, buffer.byteLength, buffer.closed]).toEqual([iova, page, true]);
    expect(() => buffer.u8).toThrow(withCode('ERR_VFIO_CLOSED'));
  });
});

describe('F1/ a buffer that closes while others work on it does not crash', () => {
  const size = 16 * MiB;

  test('crypto.randomFill', async () => {
    const buffer = device.allocDma(size);
    const filled = promisify(randomFill)(buffer.u8);
    buffer.close();
    await filled;
  });

  test('zlib.deflate', async () => {
    const buffer = device.allocDma(size);
    const deflated = promisify(deflate)(buffer.u8, { level: 1 });
    await turn();
    buffer.close();
    expect((await deflated).length).toBeGreaterThan(0);
  });

  test('a read of a file', async () => {
    const buffer = device.allocDma(size);
    await using file = await openFile('/dev/zero');
    const reading = file.read(buffer.u8, 0, size, 0);
    buffer.close();
    expect((await reading).bytesRead).toBe(size);
  });

  test('a write to a file', async () => {
    const buffer = device.allocDma(size);
    await using file = await openFile('/dev/null', 'w');
    const writing = file.write(buffer.u8);
    await device.close();
    expect((await writing).bytesWritten).toBe(size);
  });
});
