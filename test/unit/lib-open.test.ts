// SPDX-License-Identifier: MIT
// Opening through the public functions, over a fake addon that the loader finds through VFIO_BINARY.
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Container, openDevice } from '../../lib/index.js';
import { turn } from '../support/turn.js';
import { renew } from './lib-fake-addon.js';
import { defer, type FakeNative, rejectionOf } from './lib-fake-native.js';

const address = '0000:01:00.0';
const { VFIO_BINARY } = process.env;

let native: FakeNative;

beforeAll(() => {
  process.env.VFIO_BINARY = fileURLToPath(new URL('lib-fake-addon.ts', import.meta.url));
});

afterAll(() => {
  if (VFIO_BINARY === undefined) delete process.env.VFIO_BINARY;
  else process.env.VFIO_BINARY = VFIO_BINARY;
});

beforeEach(() => {
  native = renew();
});

describe('a container', () => {
  test('is opened by name', async () => {
    await using container = await Container.open();
    expect(container.backend).toBe('fake');
  });
});

describe('a device', () => {
  test('opened alone has a container of its own, and closes it', async () => {
    const device = await openDevice('01:00.0');
    expect(device.address).toBe(address);
    expect(device.container.devices).toEqual([device]);
    await device.close();
    expect(native.log.at(-1)).toBe('close container');
  });

  test('opened in a container leaves it open', async () => {
    await using container = await Container.open();
    const device = await openDevice(address, { container });
    expect(device.container).toBe(container);
    await device.close();
    expect(container.closed).toBe(false);
  });

  test('is opened with its vfToken, alone and in a container', async () => {
    const vfToken = '83d8f4f2-509f-382f-3c1e-e6bfe0fa1001';
    await (await openDevice(address, { vfToken })).close();
    await using container = await Container.open();
    await (await openDevice(address, { container, vfToken })).close();
    const opens = native.log.filter((line) => line.startsWith('open '));
    expect(opens).toEqual([`open ${address} ${vfToken}`, `open ${address} ${vfToken}`]);
  });

  test('is not opened with a wrong argument', async () => {
    for (const [call, code] of [
      [openDevice('nvme0'), 'ERR_VFIO_ADDRESS'],
      [openDevice(address, { container: {} as never }), 'ERR_INVALID_ARG_TYPE'],
      [openDevice(address, { contaner: 1 } as never), 'ERR_INVALID_ARG_VALUE'],
      [openDevice(address, null as never), 'ERR_INVALID_ARG_TYPE'],
      [openDevice(address, { requestGrace: 2 ** 31 }), 'ERR_VFIO_RANGE'],
      [openDevice(address, { vfToken: 'secret' }), 'ERR_INVALID_ARG_VALUE'],
    ] as const) {
      expect((await rejectionOf(call)).code).toBe(code);
    }
    expect(native.log).toEqual([]);
  });

  test('opened alone and abandoned is closed with its container when it arrives', async () => {
    native.container.opening = defer<void>();
    const abort = new AbortController();
    const opened = rejectionOf(openDevice(address, { signal: abort.signal }));
    abort.abort(new Error('too slow'));
    expect((await opened).message).toBe('too slow');
    native.container.opening.resolve();
    await turn();
    expect(native.log).toEqual([
      `open ${address}`,
      `close ${address}`,
      `closed ${address}`,
      'close container',
    ]);
  });

  test('that cannot be read is closed with its container', async () => {
    native.read16 = () => -3;
    expect(await rejectionOf(openDevice(address))).toMatchObject({ code: 'ERR_VFIO_LOST' });
    expect(native.log.slice(-2)).toEqual([`closed ${address}`, 'close container']);
  });

  test('that is not there is told apart from one that fails', async () => {
    native.container.opening = defer<void>();
    const opened = rejectionOf(openDevice('00ff:ff:1f.7'));
    native.container.opening.reject({ errno: 2, syscall: 'readlink', request: '', path: '/sys/x' });
    expect(await opened).toMatchObject({ code: 'ENODEV', errno: -2, address: '00ff:ff:1f.7' });
  });
});
