// SPDX-License-Identifier: MIT
// Structs in DMA memory, waits, dumps and traces over the addon: what a device sees, and what closing does.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  type AccessTrace,
  bindRegisters,
  bindStructs,
  type Device,
  defineRegisters,
  describeAll,
  openDevice,
  traced,
} from '../../lib/index.js';
import { useMachine } from '../../tools/testing-addon.js';
import { expectNothingOpen, withCode } from './support.js';

const address = '0000:18:00.0';
const machine = useMachine({ address, bars: [{ size: 0x1000 }] });

const MAP = defineRegisters({
  WIDE: { at: 0, width: 64, halves: 'lowFirst', fields: { TOP: [63, 32] } },
  STATUS: { at: 8, fields: { DONE: 0, KIND: [15, 8] } },
});

let device: Device;

beforeEach(async () => {
  device = await openDevice(address);
});

afterEach(async () => {
  await device.close();
  expectNothingOpen(machine, address);
});

describe('structs', () => {
  test('lie in the memory that the device reads, to its last byte', () => {
    using buffer = device.allocDma(4096);
    const ring = bindStructs(buffer, MAP, { count: 256, stride: 16 });
    ring.at(255).WIDE.set({ TOP: 0x0403_0201 });
    ring.at(255).STATUS.write(0xffff_ffff);
    expect([...buffer.u8.subarray(4080, 4092)]).toEqual([
      0, 0, 0, 0, 1, 2, 3, 4, 255, 255, 255, 255,
    ]);
    expect(() => bindStructs(buffer, MAP, { count: 257, stride: 16 })).toThrow(
      withCode('ERR_VFIO_RANGE'),
    );
  });

  test('read zeros after their buffer is closed, which no wait takes for an answer', async () => {
    const buffer = device.allocDma(4096);
    const { STATUS } = bindRegisters(buffer, MAP);
    STATUS.write(0x101);
    const waiting = STATUS.until({ KIND: 0, DONE: 0 });
    buffer.close();
    await expect(waiting).rejects.toEqual(withCode('ERR_VFIO_CLOSED'));
    expect(STATUS.read()).toBe(0);
    expect(() => bindRegisters(buffer, MAP)).toThrow(withCode('ERR_VFIO_CLOSED'));
  });
});

describe('registers', () => {
  test('of two halves are accessed where one access of 64 bits is not', () => {
    const { WIDE } = bindRegisters(device.bar(0), MAP, 0x14);
    WIDE.write(0x1_0000_0002n);
    expect([WIDE.TOP, device.bar(0).read32(0x14)]).toEqual([1, 2]);
  });

  test('are waited for until the device changes them', async () => {
    const { STATUS } = bindRegisters(device.bar(0), MAP);
    setImmediate(() => device.bar(0).write32(8, 0x301));
    expect(await STATUS.until({ DONE: 1 })).toEqual({ DONE: 1, KIND: 3 });
    const late = STATUS.until({ DONE: 0 }, { timeout: 1 });
    await expect(late).rejects.toMatchObject({
      code: 'ERR_VFIO_TIMEOUT',
      message: expect.stringContaining(`STATUS of BAR0 of ${address} did not become DONE=0`),
    });
  });

  test('end a wait when the device closes', async () => {
    const waiting = bindRegisters(device.bar(0), MAP).STATUS.until({ KIND: 99 });
    const closing = device.close();
    await expect(waiting).rejects.toEqual(withCode('ERR_VFIO_CLOSED'));
    await closing;
  });

  test('are dumped and traced', () => {
    const lines: AccessTrace[] = [];
    const regs = bindRegisters(
      traced(device.bar(0), (access) => lines.push(access)),
      MAP,
    );
    expect(describeAll(regs).split('\n')).toHaveLength(2);
    expect(lines.map(({ name, offset }) => [name, offset])).toEqual([
      ['WIDE', 0],
      ['WIDE', 4],
      ['STATUS', 8],
    ]);
    expect(lines[0]).toMatchObject({ device: address, region: 'BAR0' });
  });
});
