// SPDX-License-Identifier: MIT
// Doorbells: registers that JavaScript writes directly if that is proven to be exact, and their behaviour when the
// device does not answer. test/exact proves that each write is one store of 32 bits.
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Device, type Doorbell, openDevice } from '../../lib/index.js';
import { storesAreExact } from '../../lib/internal/direct-memory.js';
import { type MemoryDevice, syscalls, useMachine } from '../../tools/testing-addon.js';
import { command } from '../support/command-register.js';
import { until } from '../support/until.js';
import { badIntegers, mappableOrNot, notNumbers, withCode } from './support.js';

const address = '0000:06:00.0';

let device: Device;
let hardware: MemoryDevice;

beforeEach(async () => {
  hardware = useMachine({ address, group: 60, bars: mappableOrNot }).device(address);
  device = await openDevice(address);
});
afterEach(() => device.close());

/** Whether JavaScript makes the stores. If not, native code makes them, and reports a bus error. */
const fast = storesAreExact();

test.each([
  ['in a BAR', 0, 0x1004],
  ['at the end of a BAR', 0, 0x2ffc],
  ['in a BAR that cannot be mapped', 1, 0x1004],
  ['at the start of what of a BAR can be mapped', 2, 0x1000],
  ['at the end of it', 2, 0x1ffc],
  ['before it', 2, 0x0ffc],
  ['behind it', 2, 0x2000],
])('%s writes the register', (_, bar, offset) => {
  const doorbell = device.bar(bar).doorbell(offset);
  expect(doorbell.offset).toBe(offset);
  for (const value of [0, 1, 0x8000_0000, 0xffff_ffff]) {
    doorbell.write(value);
    expect(hardware.peek(bar, offset)).toBe(value);
  }
});

test('is the same object every time, and one page serves all of its doorbells', () => {
  const bar = device.bar(0);
  syscalls().reset();
  const first = bar.doorbell(0x1000);
  expect(bar.doorbell(0x1000)).toBe(first);
  expect(bar.doorbell(0x1004)).not.toBe(first);
  expect(syscalls().count('mmap')).toBe(fast ? 1 : 0);
});

test.each(notNumbers)('at %s is refused', (_, offset) => {
  expect(() => device.bar(0).doorbell(offset as number)).toThrow(withCode('ERR_INVALID_ARG_TYPE'));
});

test.each([...badIntegers, 0x3000])('at %s is refused', (offset) => {
  expect(() => device.bar(0).doorbell(offset)).toThrow(withCode('ERR_VFIO_RANGE'));
});

test('an unaligned one is refused', () => {
  expect(() => device.bar(0).doorbell(2)).toThrow(withCode('ERR_VFIO_ALIGN'));
});

describe('a value that', () => {
  let doorbell: Doorbell;
  beforeEach(() => {
    doorbell = device.bar(0).doorbell(0x1000);
    doorbell.write(7);
  });
  afterEach(() => expect(hardware.peek(0, 0x1000)).toBe(7));

  test.each(notNumbers)('is %s is refused', (_, value) => {
    expect(() => doorbell.write(value as number)).toThrow(withCode('ERR_INVALID_ARG_TYPE'));
  });

  test.each([...badIntegers, 2 ** 32])('is %s is refused', (value) => {
    expect(() => doorbell.write(value)).toThrow(withCode('ERR_VFIO_RANGE'));
  });
});

test('the memory behind it cannot be got at', () => {
  const doorbell = device.bar(0).doorbell(0x1000);
  expect(Object.getOwnPropertyNames(doorbell)).toEqual([]);
  expect(JSON.stringify(doorbell)).toBe('{}');
});

describe('F2/ when the device takes no doorbell', () => {
  test('a write is lost in silence, or a bus error where native code makes it; both heal', () => {
    const doorbell = device.bar(0).doorbell(0x1000);
    const on = device.config.command;
    for (const value of [1, 2, 3]) {
      device.config.command = on & ~command.memory;
      if (fast) doorbell.write(99);
      else expect(() => doorbell.write(99)).toThrow(withCode('ERR_VFIO_BUS'));
      expect(() => device.bar(0).read32(0x1000)).toThrow(withCode('ERR_VFIO_BUS'));
      device.config.command = on;
      expect(hardware.peek(0, 0x1000)).not.toBe(99);
      doorbell.write(value);
      expect(hardware.peek(0, 0x1000)).toBe(value);
      expect(device.bar(0).read32(0x1000)).toBe(value);
    }
  });

  test('a hot loop of writes goes on', () => {
    const doorbell = device.bar(0).doorbell(0x1000);
    for (let i = 0; i < 100_000; i++) {
      if (i === 50_000) hardware.setDecode(false);
      try {
        doorbell.write(i);
      } catch (error) {
        expect(error).toEqual(withCode('ERR_VFIO_BUS'));
      }
    }
    hardware.setDecode(true);
    device.config.command = device.config.command | command.memory;
    doorbell.write(5);
    expect(hardware.peek(0, 0x1000)).toBe(5);
  });

  test('a reset refuses writes while it lasts, and brings back what was lost', async () => {
    const doorbell = device.bar(0).doorbell(0x1000);
    hardware.setDecode(false);
    if (fast) doorbell.write(1);
    hardware.setDecode(true);
    hardware.resetting.hold();
    const reset = device.reset();
    hardware.resetting.awaitArrival();
    expect(() => doorbell.write(2)).toThrow(withCode('ERR_VFIO_BUSY'));
    expect(() => device.bar(0).doorbell(0x2000).write(0)).toThrow(withCode('ERR_VFIO_BUSY'));
    hardware.resetting.release();
    await reset;
    doorbell.write(3);
    expect(hardware.peek(0, 0x1000)).toBe(3);
  });

  test('a second reset does not let writes into the first', async () => {
    const doorbell = device.bar(0).doorbell(0x1000);
    hardware.resetting.hold();
    const reset = device.reset();
    hardware.resetting.awaitArrival();
    await expect(device.reset()).rejects.toEqual(withCode('ERR_VFIO_BUSY'));
    expect(() => doorbell.write(2)).toThrow(withCode('ERR_VFIO_BUSY'));
    hardware.resetting.release();
    await reset;
    doorbell.write(3);
    expect(hardware.peek(0, 0x1000)).toBe(3);
  });

  test('a reset that fails brings back what was lost, too', async () => {
    const doorbell = device.bar(0).doorbell(0x1000);
    hardware.setDecode(false);
    if (fast) doorbell.write(1);
    hardware.setDecode(true);
    hardware.resetting.failNext(5);
    await expect(device.reset()).rejects.toEqual(withCode('EIO'));
    doorbell.write(4);
    expect(hardware.peek(0, 0x1000)).toBe(4);
  });

  test('a lost device says so', async () => {
    const doorbell = device.bar(0).doorbell(0x1000);
    hardware.lose();
    doorbell.write(1); // the library does not know yet that the device is lost
    await until(() => {
      try {
        doorbell.write(2);
        return false;
      } catch (error) {
        expect(error).toEqual(withCode('ERR_VFIO_LOST'));
        return true;
      }
    });
  });

  test('a device that is lost during its reset says so after it', async () => {
    const doorbell = device.bar(0).doorbell(0x1000);
    hardware.resetting.hold();
    const reset = device.reset();
    hardware.resetting.awaitArrival();
    const lost = once(device, 'lost');
    hardware.notify({ lost: true });
    await lost;
    hardware.resetting.release();
    await reset;
    expect(() => doorbell.write(3)).toThrow(withCode('ERR_VFIO_LOST'));
  });

  test('a closed one says so, and its register is out of reach', async () => {
    const doorbell = device.bar(0).doorbell(0x1000);
    doorbell.write(1);
    const closing = device.close();
    expect(() => doorbell.write(2)).toThrow(withCode('ERR_VFIO_CLOSED'));
    await closing;
    expect(() => doorbell.write(2)).toThrow(withCode('ERR_VFIO_CLOSED'));
    expect(hardware.peek(0, 0x1000)).not.toBe(2);
  });
});

describe('whether stores are exact', () => {
  const node20 = { ...process.versions, v8: '11.3.244.8-node.35' };

  test.each([
    ['in Node 20 on x86-64', 'x64', node20, true],
    ['on arm64, which reorders stores', 'arm64', node20, false],
    ['in an engine that was not tried', 'x64', { ...node20, v8: '11.4.1' }, false],
    [
      'in an engine that does not say what it is',
      'x64',
      { ...node20, v8: undefined as never },
      false,
    ],
    ['in Electron', 'x64', { ...node20, electron: '30.0.0' }, false],
    ['in Bun', 'x64', { ...node20, bun: '1.2.0' }, false],
  ])('%s', (_, arch, versions, exact) => {
    expect(storesAreExact(arch, versions)).toBe(exact);
  });
});
