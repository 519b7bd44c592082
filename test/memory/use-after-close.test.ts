// SPDX-License-Identifier: MIT
// Every use of a closed object throws or rejects with ERR_VFIO_CLOSED, and does not reach the device.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  Container,
  type Device,
  type DmaBuffer,
  type Group,
  type Interrupt,
  type InterruptSet,
  openDevice,
  type Region,
} from '../../lib/index.js';
import { loadNative } from '../../lib/internal/load-native.js';
import { releaseHandle, useMachine } from '../../tools/testing-addon.js';
import { expectNothingOpen, withCode } from './support.js';

const address = '0000:0d:00.0';
const machine = useMachine({
  address,
  group: 130,
  bars: [{ size: 0x1000 }, { size: 0x1000, mappable: false }],
  msix: 2,
});
const closed = withCode('ERR_VFIO_CLOSED');

let container: Container;
let group: Group;
let device: Device;
let mapped: Region;
let unmapped: Region;
let interrupts: InterruptSet;
let vector: Interrupt;
let buffer: DmaBuffer;

beforeAll(async () => {
  container = await Container.open();
  group = await container.openGroup(130);
  device = await group.openDevice(address);
  [mapped, unmapped] = [device.bar(0), device.bar(1)];
  device.busMaster = true;
  interrupts = device.enableInterrupts('msix');
  vector = interrupts.vector(0);
  buffer = container.allocDma(4096);
  await container.close();
});
afterAll(() => expectNothingOpen(machine, address));

const uses: Record<string, Record<string, () => unknown>> = {
  Container: {
    info: () => container.info,
    openDevice: () => container.openDevice(address),
    'openDevice(…, { container })': () => openDevice(address, { container }),
    openGroup: () => container.openGroup(130),
    allocDma: () => container.allocDma(4096),
    allocDmaAsync: () => container.allocDmaAsync(4096),
  },
  Group: {
    openDevice: () => group.openDevice(address),
  },
  Device: {
    region: () => device.region(0),
    bar: () => device.bar(0),
    'config.vendorId': () => device.config.vendorId,
    'config.capabilities': () => device.config.capabilities(),
    'config.command =': () => {
      device.config.command = 0;
    },
    interruptInfo: () => device.interruptInfo('msix'),
    busMaster: () => device.busMaster,
    'busMaster =': () => {
      device.busMaster = true;
    },
    allocDma: () => device.allocDma(4096),
    allocDmaAsync: () => device.allocDmaAsync(4096),
    enableInterrupts: () => device.enableInterrupts('msix'),
    reset: () => device.reset(),
  },
  Region: {
    read8: () => mapped.read8(0),
    read16: () => mapped.read16(0),
    read32: () => mapped.read32(0),
    read64: () => mapped.read64(0),
    write8: () => mapped.write8(0, 0),
    write16: () => mapped.write16(0, 0),
    write32: () => mapped.write32(0, 0),
    write64: () => mapped.write64(0, 0n),
    'read32, not mapped': () => unmapped.read32(0),
    'write32, not mapped': () => unmapped.write32(0, 0),
  },
  InterruptSet: {
    vector: () => interrupts.vector(0),
  },
  Interrupt: {
    on: () => vector.on(() => {}),
    once: () => vector.once(),
    'for await': () => vector[Symbol.asyncIterator](),
    trigger: () => vector.trigger(),
    mask: () => vector.mask(),
    unmask: () => vector.unmask(),
  },
  DmaBuffer: {
    buffer: () => buffer.buffer,
    u8: () => buffer.u8,
    u16: () => buffer.u16,
    u32: () => buffer.u32,
    u64: () => buffer.u64,
    view: () => buffer.view,
    iovaAt: () => buffer.iovaAt(0),
    address: () => buffer.address(),
    low: () => buffer.low(),
    high: () => buffer.high(),
    copyFrom: () => buffer.copyFrom(new Uint8Array(1)),
    copyTo: () => buffer.copyTo(new Uint8Array(1)),
  },
};

describe.each(Object.entries(uses))('F17/ a closed %s', (_, methods) => {
  test.each(Object.entries(methods))('%s', async (_, use) => {
    const before = machine.device(address).counts();
    await expect((async () => use())()).rejects.toEqual(closed);
    expect(machine.device(address).counts()).toEqual(before);
    expect(machine.counts()).toMatchObject({ containers: 0, groups: 0 });
  });
});

test('what was said about them stays readable', () => {
  expect([container.backend, container.devices, container.groups]).toEqual(['memory', [], []]);
  expect([group.id, device.address, mapped.name, mapped.byteLength]).toEqual([
    130,
    address,
    'BAR0',
    0x1000,
  ]);
  expect([interrupts.count, vector.count, buffer.byteLength]).toEqual([1, 0, 4096]);
});

test('leaving is no use', () => {
  vector.off(() => {});
  interrupts.close();
  buffer.close();
});

test('F17/ methods on what is none of theirs throw and do not crash', async () => {
  const addon = loadNative();
  const native = await addon.openContainer(undefined);
  const dma = () =>
    native.allocDma.call({} as never, 4096, 0, undefined, undefined, undefined, undefined);
  expect(dma).toThrow();
  expect(() => native.limits.call(undefined as never)).toThrow();
  expect(() => Container.prototype.close.call({} as never)).toThrow();
  expect(() => mapped.read32.call({} as never, 0)).toThrow();
  expect(() => Object.create(mapped).read32(0)).toThrow();
  await native.close();
});

test('F17/ a handle of another time, or of none, is closed for native accessors', () => {
  const addon = loadNative();
  for (const handle of [0, 1, -1, 4095, 2 ** 31, 2 ** 40, Number.NaN]) {
    expect(addon.read32(handle, 0)).toBe(-1);
    expect(addon.write32(handle, 0, 0)).toBe(-1);
  }
  expect(addon.read32(undefined as never, undefined as never)).toBe(-1);
  expect((addon.read32 as () => number)()).toBe(-1);
});

test('F17/ a handle stays closed when its entry is used again', async () => {
  const addon = loadNative();
  const { container, device: native } = await addon.openDevice({ address });
  const stale = native.acquire(0);
  releaseHandle(stale);
  let handle = native.acquire(0);
  // The table has 4096 entries, and the one that has been free for longest is used next.
  for (let next = 0; handle % 4096 !== stale % 4096 && next < 4096; next++) {
    releaseHandle(handle);
    handle = native.acquire(0);
  }
  expect(handle % 4096).toBe(stale % 4096);
  expect(addon.read32(handle, 0)).toBeGreaterThanOrEqual(0);
  expect(addon.read32(stale, 0)).toBe(-1);
  await native.close();
  await container.close();
});
