// SPDX-License-Identifier: MIT
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Container } from '../../lib/container.js';
import { ours } from '../../lib/internal/ours.js';
import { turn } from '../support/turn.js';
import { defer, FakeNative, rejectionOf, thrownBy } from './lib-fake-native.js';

const address = '0000:01:00.0';

let native: FakeNative;
let container: Container;

beforeEach(() => {
  native = new FakeNative();
  container = new Container(ours, native, native.container);
});

afterEach(() => container.close().catch(() => {}));

describe('opening a device', () => {
  test('gives it, and keeps it until it is closed', async () => {
    const device = await container.openDevice('01:00.0');
    expect(device.address).toBe(address);
    expect(device.container).toBe(container);
    expect(container.devices).toEqual([device]);
    await device.close();
    expect(container.devices).toEqual([]);
  });

  test('is refused before the addon hears of it', async () => {
    const abort = AbortSignal.abort(new Error('no'));
    for (const [call, code] of [
      [container.openDevice('../../etc'), 'ERR_VFIO_ADDRESS'],
      [container.openDevice(address, { sinal: abort } as never), 'ERR_INVALID_ARG_VALUE'],
      [container.openDevice(address, 1 as never), 'ERR_INVALID_ARG_TYPE'],
      [container.openDevice(address, { signal: 1 as never }), 'ERR_INVALID_ARG_TYPE'],
      [container.openDevice(address, { requestGrace: -1 }), 'ERR_VFIO_RANGE'],
      [container.openDevice(address, { requestGrace: '1' as never }), 'ERR_INVALID_ARG_TYPE'],
      [container.openGroup(-1), 'ERR_VFIO_RANGE'],
      [container.openGroup(1.5), 'ERR_VFIO_RANGE'],
      [container.openGroup('1' as never), 'ERR_INVALID_ARG_TYPE'],
    ] as const) {
      expect((await rejectionOf(call)).code).toBe(code);
    }
    expect((await rejectionOf(container.openDevice(address, { signal: abort }))).message).toBe(
      'no',
    );
    expect(native.log).toEqual([]);
  });

  test('that fails keeps nothing', async () => {
    const opening = defer<void>();
    native.container.opening = opening;
    const failed = rejectionOf(container.openDevice(address));
    opening.reject({ code: 'ERR_VFIO_BUSY', message: 'another container has group 12' });
    expect(await failed).toBeInstanceOf(Error);
    expect(container.devices).toEqual([]);
    await container.close();
  });

  test('that aborts rejects at once, and closes what arrives', async () => {
    native.container.opening = defer<void>();
    const abort = new AbortController();
    const opened = rejectionOf(container.openDevice(address, { signal: abort.signal }));
    abort.abort(new Error('too slow'));
    expect((await opened).message).toBe('too slow');
    expect(native.log).toEqual([`open ${address}`]);
    native.container.opening.resolve();
    await turn();
    expect(native.log).toEqual([`open ${address}`, `close ${address}`, `closed ${address}`]);
    expect(container.devices).toEqual([]);
  });

  test('is not undone by a signal that aborts afterwards', async () => {
    const abort = new AbortController();
    const device = await container.openDevice(address, { signal: abort.signal });
    abort.abort();
    await turn();
    expect(device.closed).toBe(false);
  });

  test('while the container closes rejects, and the container waits for it', async () => {
    native.container.opening = defer<void>();
    const opened = rejectionOf(container.openDevice(address));
    const closed = container.close();
    await turn();
    expect(native.log).toEqual([`open ${address}`]);
    native.container.opening.resolve();
    expect(await opened).toMatchObject({ code: 'ERR_VFIO_CLOSED', message: 'Container is closed' });
    await closed;
    expect(native.log).toEqual([
      `open ${address}`,
      `close ${address}`,
      `closed ${address}`,
      'close container',
    ]);
  });

  test('closes the native device when it cannot be read', async () => {
    const opening = container.openDevice(address);
    native.read16 = () => -3;
    expect(await rejectionOf(opening)).toMatchObject({ code: 'ERR_VFIO_LOST' });
    expect(native.log.at(-1)).toBe(`closed ${address}`);
  });
});

describe('a group', () => {
  test('is held until it is closed', async () => {
    const group = await container.openGroup(12);
    expect(group.id).toBe(12);
    expect(container.groups).toEqual([group]);
    await group.close();
    expect(container.groups).toEqual([]);
    expect(native.log).toEqual(['hold 12', 'release 12']);
  });

  test('is held once for each time it was opened', async () => {
    const both = await Promise.all([container.openGroup(12), container.openGroup(12)]);
    expect(container.groups).toEqual(both);
    await both[0].close();
    expect(native.log).toEqual(['hold 12', 'hold 12', 'release 12']);
    expect(container.groups).toEqual([both[1]]);
  });

  test('that failed to open is not kept', async () => {
    native.container.opening = defer<void>();
    const failed = rejectionOf(container.openGroup(12));
    native.container.opening.reject({ code: 'ERR_VFIO_BUSY', message: 'no' });
    expect(await failed).toMatchObject({ code: 'ERR_VFIO_BUSY' });
    expect(container.groups).toEqual([]);
  });

  test('closes the devices opened through it, the newest first, and no others', async () => {
    const group = await container.openGroup(12);
    const other = await container.openDevice('0000:02:00.0');
    await group.openDevice('0000:01:00.0');
    await group.openDevice('0000:01:00.1');
    native.log.length = 0;
    await group.close();
    expect(native.log).toEqual([
      'close 0000:01:00.1',
      'close 0000:01:00.0',
      'closed 0000:01:00.1',
      'closed 0000:01:00.0',
      'release 12',
    ]);
    expect(container.devices).toEqual([other]);
  });

  test('that sysfs does not know has no members, and nothing that blocks it', async () => {
    const group = await container.openGroup(2 ** 31 - 1);
    expect([group.members, group.blockers, group.viable]).toEqual([[], [], true]);
  });

  test('opens no device of another group', async () => {
    const group = await container.openGroup(12);
    const error = await rejectionOf(group.openDevice('0000:02:00.0'));
    expect(error).toMatchObject({ name: 'RangeError', code: 'ERR_VFIO_ADDRESS' });
  });

  test('waits, when it closes, for a device that is being opened', async () => {
    const group = await container.openGroup(12);
    native.container.opening = defer<void>();
    const opened = rejectionOf(group.openDevice(address));
    const closed = group.close();
    native.container.opening.resolve();
    expect(await opened).toMatchObject({ code: 'ERR_VFIO_CLOSED', message: 'Group 12 is closed' });
    await closed;
    expect(native.log.slice(-2)).toEqual([`closed ${address}`, 'release 12']);
  });

  test('throws after close', async () => {
    const group = await container.openGroup(12);
    const closing = group.close();
    expect(group.close()).toBe(closing);
    expect(group[Symbol.asyncDispose]()).toBe(closing);
    expect(await rejectionOf(group.openDevice(address))).toMatchObject({
      code: 'ERR_VFIO_CLOSED',
      message: 'Group 12 is closed',
    });
  });
});

describe('DMA memory', () => {
  test('is mapped with its direction and IOVA', () => {
    container.allocDma(4096);
    container.allocDma(8192, { direction: 'toDevice' });
    container.allocDma(4096, { direction: 'fromDevice', iova: 0x4000_0000n });
    expect(native.log).toEqual([
      'map 0x10000 4096 0',
      'map 0x11000 8192 1',
      'map 0x40000000 4096 2',
    ]);
  });

  test.each([
    [[0], 'ERR_VFIO_RANGE'],
    [[-4096], 'ERR_VFIO_RANGE'],
    [[1.5], 'ERR_VFIO_RANGE'],
    [[2 ** 53], 'ERR_VFIO_RANGE'],
    [['4096'], 'ERR_INVALID_ARG_TYPE'],
    [[4096n], 'ERR_INVALID_ARG_TYPE'],
    [[], 'ERR_INVALID_ARG_TYPE'],
    [[4096, { iova: -4096n }], 'ERR_VFIO_RANGE'],
    [[4096, { iova: 2n ** 64n }], 'ERR_VFIO_RANGE'],
    [[4096, { iova: 4096 }], 'ERR_INVALID_ARG_TYPE'],
    [[4096, { direction: 'up' }], 'ERR_INVALID_ARG_VALUE'],
    [[4096, { direction: 1 }], 'ERR_INVALID_ARG_TYPE'],
    [[4096, { align: 4096 }], 'ERR_INVALID_ARG_VALUE'],
    [[4096, { addressBits: 16 }], 'ERR_VFIO_RANGE'],
    [[4096, { addressBits: 65 }], 'ERR_VFIO_RANGE'],
    [[4096, { addressBits: 32n }], 'ERR_INVALID_ARG_TYPE'],
    [[4096, { alignment: 0 }], 'ERR_VFIO_RANGE'],
    [[4096, { alignment: 3 }], 'ERR_VFIO_RANGE'],
    [[4096, { alignment: 2 ** 48 }], 'ERR_VFIO_RANGE'],
    [[4096, { boundary: 0.75 }], 'ERR_VFIO_RANGE'],
    [[4096, { boundary: Number.NaN }], 'ERR_VFIO_RANGE'],
    [[4096, { boundary: '4096' }], 'ERR_INVALID_ARG_TYPE'],
    [[4096, []], 'ERR_INVALID_ARG_TYPE'],
  ])('refuses %p with %s', (args, code) => {
    const call = () => (container.allocDma as (...args: unknown[]) => unknown)(...args);
    expect(thrownBy(() => call.call(container)).code).toBe(code);
    expect(native.log).toEqual([]);
  });

  test('keeps the addon’s own errors', () => {
    native.container.allocFailure = { code: 'ERR_VFIO_RANGE', message: 'inside the MSI window' };
    expect(thrownBy(() => container.allocDma(4096))).toMatchObject({
      name: 'RangeError',
      code: 'ERR_VFIO_RANGE',
      message: 'inside the MSI window',
    });
  });
});

describe('the facts of a container', () => {
  test('are those of the kernel', () => {
    expect(container.backend).toBe('fake');
    expect(container.info).toEqual({
      attached: true,
      iovaRanges: [{ first: 0n, last: 0xfedf_ffffn }],
      pageSizes: [4096, 2 ** 21, 2 ** 30],
      mappingsAvailable: 65535,
    });
  });

  test('are few before the first device', () => {
    native.container.attached = false;
    expect(container.info).toMatchObject({ attached: false, iovaRanges: [], pageSizes: [] });
  });
});

describe('closing', () => {
  test('goes devices, newest first, then buffers, then groups, then the container', async () => {
    await container.openGroup(12);
    const first = await container.openDevice('0000:01:00.0');
    await container.openDevice('0000:01:00.1');
    container.allocDma(4096);
    container.allocDma(4096);
    first.enableInterrupts('intx');
    native.log.length = 0;
    await container.close();
    expect(native.log).toEqual([
      'close 0000:01:00.1',
      'close 0000:01:00.0',
      'closed 0000:01:00.1',
      'closed 0000:01:00.0',
      'unmap 0x11000',
      'unmap 0x10000',
      'release 12',
      'close container',
    ]);
  });

  test('cuts every device in the same turn', async () => {
    const device = await container.openDevice(address);
    container.close();
    expect(native.log.at(-1)).toBe(`close ${address}`);
    expect(device.closed).toBe(true);
  });

  test('unmaps only after the devices have ended', async () => {
    await container.openDevice(address);
    native.device.closing = defer<void>();
    container.allocDma(4096);
    const closed = container.close();
    await turn();
    expect(native.log.at(-1)).toBe(`close ${address}`);
    native.device.closing.resolve();
    await closed;
    expect(native.log.slice(-2)).toEqual(['unmap 0x10000', 'close container']);
  });

  test('goes on after a failure, and tells it', async () => {
    await container.openDevice(address);
    native.device.closing = defer<void>();
    container.allocDma(4096);
    const failed = rejectionOf(container.close());
    native.device.closing.reject({ errno: 5, syscall: 'close', request: '', path: '' });
    expect(await failed).toMatchObject({ code: 'EIO' });
    expect(native.log.slice(-2)).toEqual(['unmap 0x10000', 'close container']);
  });

  test('leaves alone what was closed before', async () => {
    const device = await container.openDevice(address);
    const buffer = container.allocDma(4096);
    await device.close();
    buffer.close();
    native.log.length = 0;
    await container.close();
    expect(native.log).toEqual(['close container']);
  });

  test('twice gives the same promise', async () => {
    const closing = container.close();
    expect(container.close()).toBe(closing);
    expect(container[Symbol.asyncDispose]()).toBe(closing);
    await closing;
    expect(native.log).toEqual(['close container']);
  });

  test('leaves nothing that works', async () => {
    await container.close();
    const closed = { code: 'ERR_VFIO_CLOSED', message: 'Container is closed' };
    expect(await rejectionOf(container.openDevice(address))).toMatchObject(closed);
    expect(await rejectionOf(container.openGroup(12))).toMatchObject(closed);
    expect(thrownBy(() => container.allocDma(4096))).toMatchObject(closed);
    expect(thrownBy(() => container.info)).toMatchObject(closed);
    expect(container.closed).toBe(true);
  });
});
