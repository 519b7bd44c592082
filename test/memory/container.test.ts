// SPDX-License-Identifier: MIT
// Containers: the groups and devices that they open, several containers at once, and closing. dma.test.ts tests
// their memory.
import { afterEach, expect, test } from '@jest/globals';
import { Container, type Device } from '../../lib/index.js';
import { useMachine } from '../../tools/testing-addon.js';
import { turn } from '../support/turn.js';
import { expectNothingOpen, withCode } from './support.js';

const addresses = ['0000:01:00.0', '0000:01:00.1', '0000:01:01.0', '0000:01:02.0'] as const;
const [first, second, third, fourth] = addresses;
const machine = useMachine(
  { address: first, group: 10, msix: 4 },
  { address: second, group: 10 },
  { address: third, group: 11 },
  { address: fourth, group: 12 },
);

afterEach(() => expectNothingOpen(machine, ...addresses));

test('an empty one holds a descriptor and nothing else', async () => {
  await using container = await Container.open();
  expect(machine.counts()).toMatchObject({ containers: 1, groups: 0 });
  expect(container.backend).toBe('memory');
  expect([container.devices, container.groups, container.closed]).toEqual([[], [], false]);
});

test('has several devices of one group', async () => {
  await using container = await Container.open();
  const devices = [await container.openDevice(first), await container.openDevice(second)];
  expect(container.devices).toEqual(devices);
  expect(machine.counts()).toMatchObject({ containers: 1, groups: 1 });
  expect(devices.map(({ info }) => info.group)).toEqual([10, 10]);
});

test('has several groups, whose devices see one memory', async () => {
  await using container = await Container.open();
  const devices = await Promise.all(addresses.map((address) => container.openDevice(address)));
  expect(machine.counts()).toMatchObject({ containers: 1, groups: 3 });
  const buffer = container.allocDma(4096);
  for (const [i, device] of devices.entries()) {
    device.busMaster = true;
    const hardware = machine.device(device.address);
    expect(hardware.dmaWrite(buffer.iova + BigInt(i), Uint8Array.of(i + 1))).toBe(true);
  }
  expect([...buffer.u8.subarray(0, 5)]).toEqual([1, 2, 3, 4, 0]);
});

test('lets devices go one by one, each group with its last', async () => {
  await using container = await Container.open();
  const devices: Device[] = [];
  for (const address of addresses) devices.push(await container.openDevice(address));
  const groups: number[] = [];
  for (const device of devices) {
    await device.close();
    groups.push(machine.counts().groups);
  }
  expect(groups).toEqual([3, 2, 1, 0]);
  expect(container.devices).toEqual([]);
});

test('is apart from another one', async () => {
  await using one = await Container.open();
  await using two = await Container.open();
  const device = await one.openDevice(first);
  await two.openDevice(third);
  device.busMaster = true;
  const buffer = two.allocDma(4096);
  expect(machine.device(first).dmaWrite(buffer.iova, Uint8Array.of(1))).toBe(false);
  expect(machine.counts()).toMatchObject({ containers: 2, groups: 2 });
});

test('closes everything that is open in it', async () => {
  const container = await Container.open();
  const group = await container.openGroup(12);
  const device = await container.openDevice(first);
  const throughGroup = await group.openDevice(fourth);
  device.busMaster = true;
  const interrupts = device.enableInterrupts('msix', { count: 4 });
  const buffer = container.allocDma(4096);
  await container.close();
  expect(
    [container, group, device, throughGroup, interrupts, buffer].map((it) => it.closed),
  ).toEqual(Array(6).fill(true));
});

test('closes its devices before their memory, the newest first', async () => {
  const container = await Container.open();
  const order: string[] = [];
  for (const address of [first, third, fourth]) {
    const device = await container.openDevice(address);
    device.on('close', () => order.push(address));
  }
  const buffer = container.allocDma(4096);
  machine.device(first).closing.hold();
  const closing = container.close();
  machine.device(first).closing.awaitArrival();
  await turn();
  expect(buffer.closed).toBe(false);
  expect(machine.mappings(10)).toHaveLength(1);
  machine.device(first).closing.release();
  await closing;
  expect(buffer.closed).toBe(true);
  expect(order).toHaveLength(3);
});

test('closes by `await using`, also when what it is used for throws', async () => {
  const failure = new Error('of the user');
  const work = async () => {
    await using container = await Container.open();
    await container.openDevice(first);
    throw failure;
  };
  await expect(work()).rejects.toBe(failure);
});

test('closes whole although one step fails, which the close reports', async () => {
  const container = await Container.open();
  const group = await container.openGroup(10);
  const buffers = [container.allocDma(4096), container.allocDma(4096)];
  machine.unmapping.failNext(5);
  await expect(container.close()).rejects.toEqual(withCode('EIO'));
  expect([group, ...buffers].map(({ closed }) => closed)).toEqual([true, true, true]);
  await expect(container.close()).rejects.toEqual(withCode('EIO'));
});

test.each<[unknown, object]>([
  ['3', { code: 'ERR_INVALID_ARG_TYPE' }],
  [null, { code: 'ERR_INVALID_ARG_TYPE' }],
  [3n, { code: 'ERR_INVALID_ARG_TYPE' }],
  [-1, { code: 'ERR_VFIO_RANGE' }],
  [1.5, { code: 'ERR_VFIO_RANGE' }],
  [2 ** 31, { code: 'ERR_VFIO_RANGE' }],
  [2 ** 31 - 1, { code: 'EBADF', syscall: 'fcntl', path: 'descriptor 2147483647' }],
])('is not opened by a descriptor that is none: %p', async (descriptor, error) => {
  const options = { descriptor: descriptor as number };
  await expect(Container.open(options)).rejects.toMatchObject(error);
  await using container = await Container.open();
  await expect(container.openGroup(10, options)).rejects.toMatchObject(error);
  expect(container.groups).toEqual([]);
  expect(machine.counts()).toMatchObject({ containers: 1, groups: 0 });
});
