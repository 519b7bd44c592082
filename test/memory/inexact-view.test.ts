// SPDX-License-Identifier: MIT
// Views of prefetchable memory: JavaScript accesses the bytes of a BAR directly, and goes on when the device does not.
import { constants } from 'node:os';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Device, openDevice } from '../../lib/index.js';
import { type MemoryDevice, syscalls, useMachine } from '../../tools/testing-addon.js';
import { command } from '../support/command-register.js';
import { collectGarbage } from '../support/garbage.js';
import { mappableOrNot, notNumbers, withCode } from './support.js';

const address = '0000:07:00.0';

let device: Device;
let hardware: MemoryDevice;

beforeEach(async () => {
  const bars = [
    ...mappableOrNot.map((bar) => ({ ...bar, prefetchable: true })),
    { size: 0x1000 },
    { size: 0x10_1000, prefetchable: true },
  ];
  hardware = useMachine({ address, group: 61, bars }).device(address);
  device = await openDevice(address);
});
afterEach(() => device.close());

test('a region says whether it is prefetchable', () => {
  const regions = device.info.regions.map(({ name, prefetchable }) => `${name} ${prefetchable}`);
  expect(regions.join()).toBe('BAR0 true,BAR1 true,BAR2 true,BAR3 false,BAR4 true,CONFIG false');
  expect([device.bar(0).prefetchable, device.bar(3).prefetchable]).toEqual([true, false]);
});

test.each<[string, number, number | undefined, number | undefined, number]>([
  ['a whole BAR', 0, undefined, undefined, 0x3000],
  ['the rest of a BAR', 0, 0x2001, undefined, 0xfff],
  ['a part of it over the end of a page', 0, 0xffe, 4, 4],
  ['its last byte', 0, 0x2fff, 1, 1],
  ['what of a BAR can be mapped', 2, 0x1000, 0x1000, 0x1000],
])('shows %s', (_what, bar, offset, byteLength, length) => {
  const view = device.bar(bar).inexactView(offset, byteLength);
  expect(view.byteLength).toBe(length);
  const first = offset ?? 0;
  device.bar(bar).write8(first, 0x5a);
  device.bar(bar).write8(first + length - 1, 0xa5);
  expect([view.at(0), view.at(-1)]).toEqual(length === 1 ? [0xa5, 0xa5] : [0x5a, 0xa5]);
  view.fill(0x77);
  expect([device.bar(bar).read8(first), device.bar(bar).read8(first + length - 1)]).toEqual([
    0x77, 0x77,
  ]);
});

test.each<[string, number, number, number | undefined, string]>([
  ['a BAR that is not prefetchable', 3, 0, 4, 'BAR3 is not prefetchable memory'],
  ['a BAR that cannot be mapped', 1, 0, 4, 'the kernel does not let a program map'],
  ['what of a BAR cannot be mapped', 2, 0x1ffc, 8, 'the kernel does not let a program map'],
  ['what lies before the mappable area', 2, 0, 0x1000, 'the kernel does not let a program map'],
  ['what begins before it', 2, 0xffc, 8, 'the kernel does not let a program map'],
  ['what lies after it', 2, 0x2000, 0x1000, 'the kernel does not let a program map'],
])('refuses %s', (_what, bar, offset, byteLength, reason) => {
  const end = offset + (byteLength ?? 0) - 1;
  const bytes = `bytes 0x${offset.toString(16)} to 0x${end.toString(16)}`;
  const view = () => device.bar(bar).inexactView(offset, byteLength);
  expect(view).toThrow(withCode('ERR_VFIO_UNSUPPORTED', { address }));
  expect(view).toThrow(`There is no inexactView of ${bytes} of BAR${bar} of ${address}: ${reason}`);
});

test('refuses the MSI-X table and its pending bits, and gives the bytes around them', async () => {
  await device.close();
  const bars = [{ size: 0x1000, prefetchable: true }];
  useMachine({ address, group: 61, bars, msix: 4 });
  device = await openDevice(address);
  expect(device.config.capability('msix')).toMatchObject({ table: { bar: 0, byteLength: 64 } });
  const refused = /BAR0 of 0000:07:00\.0: the MSI-X table or its pending bits lie there/;
  expect(() => device.bar(0).inexactView()).toThrow(refused);
  expect(() => device.bar(0).inexactView(63, 1)).toThrow(refused);
  expect(device.bar(0).inexactView(64, 0x800 - 64).byteLength).toBe(0x800 - 64);
  for (const [offset, bytes] of [
    [64, 0x800 - 63],
    [0x807, 1],
  ]) {
    expect(() => device.bar(0).inexactView(offset, bytes)).toThrow(refused);
  }
  expect(device.bar(0).inexactView(0x808).byteLength).toBe(0x7f8);
});

test.each<[string, number, number | undefined]>([
  ['no bytes', 0, 0],
  ['an offset at the end', 0x3000, undefined],
  ['a negative offset', -1, 4],
  ['half a byte', 0.5, 4],
  ['one byte too many', 0x2000, 0x1001],
])('refuses %s', (_what, offset, byteLength) => {
  expect(() => device.bar(0).inexactView(offset, byteLength)).toThrow(withCode('ERR_VFIO_RANGE'));
});

test.each(notNumbers.filter(([, value]) => value !== undefined))('refuses %s', (_what, value) => {
  for (const args of [[value], [0, value]]) {
    expect(() => device.bar(0).inexactView(...(args as [number]))).toThrow(
      withCode('ERR_INVALID_ARG_TYPE'),
    );
  }
});

test('one area is mapped once, and 256 areas are the most', async () => {
  const view = (page: number) => device.bar(4).inexactView(page * 0x1000, 0x1000);
  for (let i = 0; i < 300; i++) view(7)[0] = i & 0xff;
  expect(view(7)[0]).toBe(299 & 0xff);
  expect(() => Array.from({ length: 257 }, (_, page) => view(page))).toThrow(
    expect.objectContaining({
      code: 'ERR_VFIO_UNSUPPORTED',
      message: expect.stringContaining('256 mappings for views and doorbells already'),
    }),
  );
  // Those views are garbage now, and make room.
  await collectGarbage();
  const views = Array.from({ length: 200 }, (_, page) => view(page));
  expect(views.map(({ byteLength }) => byteLength)).toEqual(views.map(() => 0x1000));
  await device.close();
  device = await openDevice(address);
  view(256)[0] = 1;
  expect(device.bar(4).read8(0x10_0000)).toBe(1);
});

describe('F2/ when the device does not answer', () => {
  test('reads are 0, writes are lost, and the memory comes back with memory decode', () => {
    const view = device.bar(0).inexactView();
    const on = device.config.command;
    view.fill(1);
    for (let round = 0; round < 3; round++) {
      device.config.command = on & ~command.memory;
      expect([view[0], view[0x2fff]]).toEqual([0, 0]);
      view[0x1000] = 9;
      device.config.command = on;
      expect([view[0], view[0x1000], view[0x2fff]]).toEqual([1, 1, 1]);
      expect(hardware.peek(0, 0x1000)).toBe(0x01010101);
    }
  });

  test('a reset takes the view, and gives it back when it ends', async () => {
    const view = device.bar(0).inexactView();
    hardware.resetting.hold();
    const reset = device.reset();
    hardware.resetting.awaitArrival();
    view[0] = 9;
    expect(() => device.bar(0).inexactView()).toThrow(withCode('ERR_VFIO_BUSY'));
    hardware.resetting.release();
    await reset;
    const after = view[0];
    view[0] = 5;
    expect([after, hardware.peek(0, 0) & 0xff]).toEqual([0, 5]);
  });
});

test('a view within another shares its mapping', () => {
  const whole = device.bar(4).inexactView();
  const parts = Array.from({ length: 257 }, (_, page) => {
    return device.bar(4).inexactView(page * 0x1000, 0x1000);
  });
  whole.fill(3, 256 * 0x1000);
  parts[0]?.fill(4);
  expect([whole[0], parts[256]?.[0xfff]]).toEqual([4, 3]);
});

test.each(['the kernel has memory', 'the kernel refuses private memory'])(
  'F3/ after close, a view is memory that begins as zeros, if %s',
  async (memory) => {
    const bar = device.bar(0);
    const view = bar.inexactView();
    view.fill(1);
    syscalls().reset();
    if (memory !== 'the kernel has memory') syscalls().fail(2, constants.errno.ENOMEM, 'mmap');
    await device.close();
    expect(syscalls().failed()).toBe(memory === 'the kernel has memory' ? undefined : 'mmap');
    syscalls().reset();
    expect(view[0]).toBe(0);
    view.fill(2);
    expect(view[0]).toBe(2);
    expect(hardware.peek(0, 0)).toBe(0x01010101);
    expect(() => bar.inexactView()).toThrow(withCode('ERR_VFIO_CLOSED'));
  },
);
