// SPDX-License-Identifier: MIT
// Opening a device: its state afterwards, the opens that are refused, and opens that the caller gave up.
import { afterEach, describe, expect, test } from '@jest/globals';
import { Container, openDevice } from '../../lib/index.js';
import { useMachine } from '../../tools/testing-addon.js';
import { command } from '../support/command-register.js';
import { turn } from '../support/turn.js';
import { until } from '../support/until.js';
import { expectNothingOpen, notNumbers, withCode } from './support.js';

const address = '0000:03:00.0';
const other = '0000:03:01.0';
const running = '0000:03:02.0';
const sleeping = '0000:03:03.0';
const gone = '0000:03:04.0';
const virtual = '0000:03:05.1';
const all = [address, other, running, sleeping, gone, virtual];
const vfToken = '83d8f4f2-509f-382f-3c1e-e6bfe0fa1001';

const machine = useMachine(
  { address, group: 30, bars: [{ size: 0x1000 }, { size: 0 }, { size: 0x2000 }], msi: 4, msix: 8 },
  { address: other, group: 31 },
  { address: running, group: 32, command: 0x0007 },
  { address: sleeping, group: 33, command: 0x0000 },
  { address: gone, group: 34 },
  { address: virtual, group: 35, vfToken },
);
const hardware = machine.device(address);

afterEach(() => expectNothingOpen(machine, ...all));

describe('an open device', () => {
  test.each([
    ['as the kernel leaves it', address],
    ['that was running', running],
    ['with memory decode off', sleeping],
  ])('is quiet when it was found %s', async (_, found) => {
    await using device = await openDevice(found);
    const { memory, busMaster, intxDisable } = command;
    const bits = machine.device(found).command() & (memory | busMaster | intxDisable);
    expect(bits).toBe(memory | intxDisable);
    expect(device.busMaster).toBe(false);
    expect(machine.device(found).counts().eventfds).toBe(0);
    expect(device.bar(0).read32(0)).toBe(0);
  });

  test('has a container of its own, which closes with it', async () => {
    const device = await openDevice(address);
    const { container } = device;
    expect(container.devices).toEqual([device]);
    expect(container.backend).toBe('memory');
    expect(machine.counts()).toMatchObject({ containers: 1, groups: 1 });
    await device.close();
    expect(container.closed).toBe(true);
  });

  test('has bus master off again after close', async () => {
    const device = await openDevice(address);
    device.busMaster = true;
    expect(hardware.command() & command.busMaster).toBe(command.busMaster);
    await device.close();
    expect(hardware.command() & command.busMaster).toBe(0);
  });
});

describe('a virtual function', () => {
  test('opens with its vfToken, by every call that opens', async () => {
    await (await openDevice(virtual, { vfToken })).close();
    await using container = await Container.open();
    await (await openDevice(virtual, { container, vfToken })).close();
    await (await container.openDevice(virtual, { vfToken })).close();
    const group = await container.openGroup(35);
    await (await group.openDevice(virtual, { vfToken })).close();
  });

  test.each([
    ['without one', {}],
    ['with another', { vfToken: vfToken.replace(/1$/, '2') }],
  ])('does not open %s', async (_, options) => {
    await expect(openDevice(virtual, options)).rejects.toEqual(withCode('EACCES'));
  });

  test('is the only one that a vfToken opens', async () => {
    await expect(openDevice(address, { vfToken })).rejects.toEqual(withCode('EINVAL'));
  });
});

describe('an open is refused', () => {
  test.each([
    ['a path', '../../etc'],
    ['a path behind an address', `${address}/../..`],
    ['a NUL', `${address}\0`],
    ['a new line', `${address}\n`],
    ['a space', ` ${address}`],
    ['digits of another script', '０000:03:00.0'],
    ['upper case', '0000:0A:00.0'],
    ['too few digits', '0000:3:00.0'],
    ['a device that PCI cannot have', '0000:03:20.0'],
    ['a function that PCI cannot have', '0000:03:00.8'],
    ['nothing', ''],
    ['a million characters', '0'.repeat(1_000_000)],
    ['a list of one', [address]],
    ['an object that becomes one', { toString: () => address }],
    ...notNumbers.filter(([, value]) => typeof value !== 'string'),
  ])('for an address that is %s', async (_, wrong) => {
    const failure = withCode('ERR_VFIO_ADDRESS');
    await expect(openDevice(wrong as never)).rejects.toEqual(failure);
    await using container = await Container.open();
    await expect(container.openDevice(wrong as never)).rejects.toEqual(failure);
  });

  test.each([
    ['an option that does not exist', { sginal: undefined }, 'ERR_INVALID_ARG_VALUE'],
    ['a signal that is none', { signal: {} }, 'ERR_INVALID_ARG_TYPE'],
    ['a negative grace time', { requestGrace: -1 }, 'ERR_VFIO_RANGE'],
    ['a grace time no timer has', { requestGrace: 2 ** 31 }, 'ERR_VFIO_RANGE'],
    ['a grace time in words', { requestGrace: '1s' }, 'ERR_INVALID_ARG_TYPE'],
    ['a container that is none', { container: {} }, 'ERR_INVALID_ARG_TYPE'],
    ['a vfToken that is no UUID', { vfToken: `${vfToken} ` }, 'ERR_INVALID_ARG_VALUE'],
    ['a vfToken that is no string', { vfToken: [vfToken] }, 'ERR_INVALID_ARG_TYPE'],
    ['options that are none', 'container', 'ERR_INVALID_ARG_TYPE'],
    ['null', null, 'ERR_INVALID_ARG_TYPE'],
  ])('for %s', async (_, options, code) => {
    await expect(openDevice(address, options as never)).rejects.toEqual(withCode(code));
  });

  test('for a device that is not there, with what shows those that are', async () => {
    const missing = '0000:03:1f.7';
    const failure = withCode('ENODEV', {
      address: missing,
      hint: expect.stringContaining('lspci'),
    });
    await expect(openDevice(missing)).rejects.toEqual(failure);
    await using container = await Container.open();
    await expect(container.openDevice(missing)).rejects.toEqual(failure);
  });

  test('for all but one of those who want a device at once', async () => {
    const opens = await Promise.allSettled([1, 2, 3, 4].map(() => openDevice(address)));
    const failures = opens.filter(({ status }) => status === 'rejected');
    expect(failures.map((failure) => (failure as PromiseRejectedResult).reason)).toEqual(
      Array(3).fill(withCode('ERR_VFIO_BUSY')),
    );
    for (const open of opens) if (open.status === 'fulfilled') await open.value.close();
  });

  test('for a device that was lost', async () => {
    machine.device(gone).lose();
    await expect(openDevice(gone)).rejects.toEqual(withCode('ENODEV'));
  });
});

describe('F20/ an open that takes its time', () => {
  afterEach(() => hardware.opening.release());

  test('leaves the loop free, and other devices to be opened', async () => {
    hardware.opening.hold();
    const slow = openDevice(address);
    hardware.opening.awaitArrival();
    await turn();
    await (await openDevice(other)).close();
    hardware.opening.release();
    await (await slow).close();
  });

  test('does not begin when its signal was aborted before', async () => {
    hardware.opening.hold();
    const reason = new Error('not wanted');
    await expect(openDevice(address, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(machine.counts().containers).toBe(0);
  });

  test.each([
    ['alone', () => openDevice],
    ['in a container', (container: Container) => container.openDevice.bind(container)],
  ])('is abandoned by its signal at once, and closed when it arrives (%s)', async (_, how) => {
    await using container = await Container.open();
    hardware.opening.hold();
    const abort = new AbortController();
    const opening = how(container)(address, { signal: abort.signal });
    hardware.opening.awaitArrival();
    const reason = new Error('not wanted');
    abort.abort(reason);
    await expect(opening).rejects.toBe(reason);
    expect(container.devices).toEqual([]);
    hardware.opening.release();
    await until(() => hardware.counts().functions === 0 && machine.counts().groups === 0);
    // An open without a container made one of its own, and that is closed last.
    await until(() => machine.counts().containers === 1);
    await (await openDevice(address)).close();
  });

  test('is abandoned when its time is up', async () => {
    hardware.opening.hold();
    const opening = openDevice(address, { signal: AbortSignal.timeout(1) });
    hardware.opening.awaitArrival();
    await expect(opening).rejects.toMatchObject({ name: 'TimeoutError' });
    hardware.opening.release();
    await until(() => machine.counts().containers === 0);
  });

  test('is not touched by its signal any more once it is open', async () => {
    const abort = new AbortController();
    await using device = await openDevice(address, { signal: abort.signal });
    abort.abort();
    await turn();
    expect(device.closed).toBe(false);
    expect(device.bar(0).read32(0)).toBe(0);
  });

  test('is refused when its container closes meanwhile, which waits for it', async () => {
    const container = await Container.open();
    hardware.opening.hold();
    const opening = container.openDevice(address);
    hardware.opening.awaitArrival();
    const refused = expect(opening).rejects.toEqual(withCode('ERR_VFIO_CLOSED'));
    let closed = false;
    const closing = container.close().then(() => {
      closed = true;
    });
    await turn();
    expect(closed).toBe(false);
    hardware.opening.release();
    await Promise.all([refused, closing]);
  });
});
