// SPDX-License-Identifier: MIT
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { adoptOwner, Container, type Device } from '../../lib/container.js';
import { ours } from '../../lib/internal/ours.js';
import { turn } from '../support/turn.js';
import {
  catchWarnings,
  defer,
  type FakeInterrupts,
  FakeNative,
  rejectionOf,
  thrownBy,
} from './lib-fake-native.js';

const address = '0000:01:00.0';

let native: FakeNative;
let container: Container;
let device: Device;

beforeEach(async () => {
  native = new FakeNative();
  container = new Container(ours, native, native.container);
  device = await container.openDevice(address, { requestGrace: 500 });
  native.log.length = 0;
});

afterEach(() => container.close().catch(() => {}));

/** The names of the events that the device emits from now on, in order. */
function events(of: Device): string[] {
  const names: string[] = [];
  for (const name of ['request', 'fault', 'reset', 'lost', 'close'] as const) {
    of.on(name, () => names.push(name));
  }
  return names;
}

const change = { lost: false, requested: false, fault: false };

describe('the facts of a device', () => {
  test('come from config space and the kernel', () => {
    expect(device.info).toMatchObject({
      vendorId: 0x1b36,
      deviceId: 0x0010,
      classCode: 0x010802,
      resettable: true,
      group: 12,
    });
    expect(device.info.regions.map(({ name }) => name)).toEqual(['BAR0', 'CONFIG']);
  });

  test('stay readable after close', async () => {
    await device.close();
    expect(device.info.vendorId).toBe(0x1b36);
  });

  test('tell about interrupts', () => {
    expect(device.interruptInfo('intx')).toMatchObject({ count: 1, autoMasked: true });
    expect(device.interruptInfo('msix')).toMatchObject({ count: 4, resizable: false });
    expect(thrownBy(() => device.interruptInfo('MSI' as never))).toMatchObject({
      name: 'TypeError',
      code: 'ERR_INVALID_ARG_VALUE',
    });
    expect(thrownBy(() => device.interruptInfo(0 as never)).code).toBe('ERR_INVALID_ARG_TYPE');
  });
});

describe('regions', () => {
  test('are the same object every time', () => {
    expect(device.region(0)).toBe(device.bar(0));
    expect(device.region(7)).toBe(device.config);
    expect(device.rom).toBeUndefined();
  });

  test.each([-1, 9, 0.5, Number.NaN, 2 ** 53])('have no number %s', (index) => {
    expect(thrownBy(() => device.region(index)).code).toBe('ERR_VFIO_RANGE');
  });

  test('that the device lacks are named', () => {
    expect(thrownBy(() => device.bar(2))).toMatchObject({
      code: 'ERR_VFIO_UNSUPPORTED',
      message: `${address} has no BAR2`,
    });
    expect(thrownBy(() => device.region(6)).message).toBe(`${address} has no ROM`);
  });

  test('that are not BARs are no BARs', () => {
    expect(thrownBy(() => device.bar(7)).code).toBe('ERR_VFIO_RANGE');
    expect(thrownBy(() => device.bar('0' as never)).code).toBe('ERR_INVALID_ARG_TYPE');
  });
});

describe('interrupts', () => {
  test('are armed as asked, one vector unless said', () => {
    device.busMaster = true;
    device.enableInterrupts('msix').close();
    device.enableInterrupts('msix', { count: 4 });
    expect(native.log).toEqual(['arm 2 1', 'close interrupts', 'arm 2 4']);
  });

  test('the device lacks are refused', () => {
    device.busMaster = true;
    expect(thrownBy(() => device.enableInterrupts('msi')).code).toBe('ERR_VFIO_UNSUPPORTED');
    expect(thrownBy(() => device.enableInterrupts('msix', { count: 5 }))).toMatchObject({
      code: 'ERR_VFIO_RANGE',
      message: expect.stringContaining('4 msix vectors'),
    });
  });

  test.each([
    [{ count: 0 }, 'ERR_VFIO_RANGE'],
    [{ count: 1.5 }, 'ERR_VFIO_RANGE'],
    [{ count: '1' }, 'ERR_INVALID_ARG_TYPE'],
    [{ vectors: 1 }, 'ERR_INVALID_ARG_VALUE'],
    [1, 'ERR_INVALID_ARG_TYPE'],
  ])('are not armed with %j', (options, code) => {
    const arm = () => device.enableInterrupts('intx', options as never);
    expect(thrownBy(arm).code).toBe(code);
    expect(native.log).toEqual([]);
  });

  test('are armed one set at a time', () => {
    const set = device.enableInterrupts('intx');
    expect(thrownBy(() => device.enableInterrupts('intx'))).toMatchObject({
      code: 'ERR_VFIO_BUSY',
      message: expect.stringContaining('intx'),
    });
    set.close();
    device.enableInterrupts('intx');
  });
});

describe('bus master', () => {
  test('is off until it is turned on', () => {
    expect(device.busMaster).toBe(false);
    device.busMaster = true;
    expect(device.busMaster).toBe(true);
    expect(native.device.master).toBe(true);
  });

  test('takes a boolean only', () => {
    expect(thrownBy(() => Object.assign(device, { busMaster: 1 })).code).toBe(
      'ERR_INVALID_ARG_TYPE',
    );
  });
});

describe('a reset', () => {
  test('ends the interrupt set first, and tells when it is done', async () => {
    const names = events(device);
    const set = device.enableInterrupts('intx');
    native.log.length = 0;
    const reset = device.reset();
    expect(set.closed).toBe(true);
    await reset;
    expect(native.log).toEqual(['reset']);
    expect(names).toEqual(['reset']);
  });

  test('leaves regions as they are', async () => {
    const bar = device.bar(0);
    await device.reset();
    expect(device.bar(0)).toBe(bar);
    expect(bar.read32(0)).toBe(0);
  });

  test('is refused before anything happened where there is none', async () => {
    native.container.deviceFlags = 2;
    const unresettable = await container.openDevice('0000:01:00.1');
    const set = unresettable.enableInterrupts('intx');
    expect(await rejectionOf(unresettable.reset())).toMatchObject({ code: 'ERR_VFIO_UNSUPPORTED' });
    expect(set.closed).toBe(false);
  });

  test('that fails emits nothing', async () => {
    const names = events(device);
    native.device.resetting = defer<void>();
    const failed = rejectionOf(device.reset());
    native.device.resetting.reject({ code: 'ERR_VFIO_BUSY', message: 'a reset is in flight' });
    expect(await failed).toMatchObject({ code: 'ERR_VFIO_BUSY', address });
    expect(names).toEqual([]);
  });
});

describe('closing', () => {
  test('cuts at once, tells when done, and gives the same promise', async () => {
    const names = events(device);
    const closing = device.close();
    expect(device.closed).toBe(true);
    expect(native.log).toEqual([`close ${address}`]);
    expect(device.close()).toBe(closing);
    expect(device[Symbol.asyncDispose]()).toBe(closing);
    expect(names).toEqual([]);
    await closing;
    expect(names).toEqual(['close']);
  });

  test('leaves nothing that works', async () => {
    const { config } = device;
    const bar = device.bar(0);
    await device.close();
    const closed = { code: 'ERR_VFIO_CLOSED', message: `Device ${address} is closed`, address };
    expect(thrownBy(() => device.region(0))).toMatchObject(closed);
    expect(thrownBy(() => device.bar(0))).toMatchObject(closed);
    expect(thrownBy(() => device.interruptInfo('intx'))).toMatchObject(closed);
    expect(thrownBy(() => device.busMaster)).toMatchObject(closed);
    expect(thrownBy(() => Object.assign(device, { busMaster: true }))).toMatchObject(closed);
    expect(thrownBy(() => device.allocDma(4096))).toMatchObject(closed);
    expect(thrownBy(() => device.enableInterrupts('intx'))).toMatchObject(closed);
    expect(await rejectionOf(device.reset())).toMatchObject(closed);
    native.device.failure = -1;
    expect(thrownBy(() => bar.read32(0))).toMatchObject({
      code: 'ERR_VFIO_CLOSED',
      message: `BAR0 of ${address} is closed`,
    });
    expect(thrownBy(() => config.vendorId).code).toBe('ERR_VFIO_CLOSED');
  });

  test('ends the interrupt set, which the addon disarms', async () => {
    const set = device.enableInterrupts('intx');
    const waiting = rejectionOf(set.vector(0).once());
    native.log.length = 0;
    await device.close();
    expect(set.closed).toBe(true);
    expect(await waiting).toMatchObject({ code: 'ERR_VFIO_CLOSED' });
    expect(native.log).toEqual([`close ${address}`, `closed ${address}`]);
  });

  test('leaves the container and its buffers open', async () => {
    const buffer = device.allocDma(4096);
    await device.close();
    expect(container.closed).toBe(false);
    expect(buffer.closed).toBe(false);
  });

  test('tells a failure, and emits close all the same', async () => {
    const names = events(device);
    native.device.closing = defer<void>();
    const failed = rejectionOf(device.close());
    native.device.closing.reject({ errno: 5, syscall: 'close', request: '', path: '' });
    expect(await failed).toMatchObject({ code: 'EIO', address });
    expect(names).toEqual(['close']);
  });
});

describe('a device with a container of its own', () => {
  let alone: Device;

  beforeEach(async () => {
    native = new FakeNative();
    const opened = await native.openDevice({ address });
    alone = await adoptOwner(new Container(ours, native, opened.container), opened.device, {
      requestGrace: undefined,
      addressBits: 64,
    });
    native.log.length = 0;
  });

  afterEach(() => alone.close());

  test('closes it, with its buffers', async () => {
    alone.allocDma(4096);
    await alone.close();
    expect(native.log.slice(-4)).toEqual([
      `close ${address}`,
      `closed ${address}`,
      'unmap 0x10000',
      'close container',
    ]);
    expect(alone.container.closed).toBe(true);
  });

  test('can be closed through its container', async () => {
    await alone.container.close();
    await alone.close();
    expect(native.log).toEqual([`close ${address}`, `closed ${address}`, 'close container']);
  });

  test('can be closed both ways at once', async () => {
    native.device.closing = defer<void>();
    const both = Promise.all([alone.close(), alone.container.close()]);
    native.device.closing.resolve();
    await both;
    expect(native.log).toEqual([`close ${address}`, `closed ${address}`, 'close container']);
  });
});

describe('what the kernel tells', () => {
  let warnings: { code: unknown; message: string }[];

  beforeEach(() => {
    warnings = catchWarnings();
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
  });

  afterEach(() => {
    jest.useRealTimers();
    jest.restoreAllMocks();
  });

  test("an interrupt set that would not close at another device's hot reset is a warning", () => {
    const set = device.enableInterrupts('intx');
    const interrupts = native.device.interrupts as FakeInterrupts;
    interrupts.close = () => {
      throw { errno: 5, syscall: 'ioctl', request: 'VFIO_DEVICE_SET_IRQS', path: address };
    };
    const names = events(device);
    native.device.resetByOther(false);
    expect(warnings).toEqual([{ code: 'EIO', message: expect.stringContaining(address) }]);
    expect(set.closed).toBe(true);
    native.device.resetByOther(true);
    expect(names).toEqual(['reset']);
  });

  test('becomes events', async () => {
    const names = events(device);
    native.device.change({ ...change, fault: true });
    native.device.change({ ...change, lost: true });
    expect(names).toEqual(['fault', 'lost']);
    await turn();
    expect(device.closed).toBe(false);
  });

  test('closes a device that it wants back when nobody listens, with a warning', async () => {
    native.device.change({ ...change, requested: true });
    await turn();
    expect(device.closed).toBe(true);
    expect(warnings).toEqual([{ code: 'VFIO_REQUEST', message: expect.stringContaining(address) }]);
  });

  test('leaves a listener its time, then closes', async () => {
    const names = events(device);
    native.device.change({ ...change, requested: true });
    jest.advanceTimersByTime(499);
    expect(device.closed).toBe(false);
    jest.advanceTimersByTime(1);
    expect(device.closed).toBe(true);
    await turn();
    expect(names).toEqual(['request', 'close']);
    expect(warnings).toEqual([]);
  });

  test('asks once, however often the kernel does', async () => {
    const names = events(device);
    native.device.change({ ...change, requested: true });
    jest.advanceTimersByTime(400);
    native.device.change({ ...change, requested: true });
    jest.advanceTimersByTime(100);
    expect(device.closed).toBe(true);
    expect(names.filter((name) => name === 'request')).toHaveLength(1);
  });

  test('has 10 s unless said', async () => {
    const plain = await container.openDevice('0000:01:00.1');
    plain.on('request', () => {});
    native.device.change({ ...change, requested: true });
    jest.advanceTimersByTime(9999);
    expect(plain.closed).toBe(false);
    jest.advanceTimersByTime(1);
    expect(plain.closed).toBe(true);
  });

  test('sets no timer that outlives the device', async () => {
    device.on('request', () => void device.close());
    native.device.change({ ...change, requested: true });
    await turn();
    expect(jest.getTimerCount()).toBe(0);
  });

  test('is nothing to a closed device', async () => {
    const names = events(device);
    device.close();
    native.device.change({ lost: true, requested: true, fault: true });
    native.device.resetByOther(false);
    native.device.resetByOther(true);
    await turn();
    expect(names).toEqual(['close']);
  });

  test('a failure to close it by itself is a warning', async () => {
    native.device.closing = defer<void>();
    native.device.change({ ...change, requested: true });
    native.device.closing.reject({ errno: 5, syscall: 'close', request: '', path: '' });
    await turn();
    expect(warnings.map(({ code }) => code)).toEqual(['VFIO_REQUEST', 'EIO']);
  });
});
