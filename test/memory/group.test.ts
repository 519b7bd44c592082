// SPDX-License-Identifier: MIT
// IOMMU groups: held directly or through devices, shared by several devices, but in one container only.
import { afterEach, describe, expect, test } from '@jest/globals';
import { Container, openDevice } from '../../lib/index.js';
import { useMachine } from '../../tools/testing-addon.js';
import { badIntegers, expectNothingOpen, notNumbers, withCode } from './support.js';

const addresses = ['0000:02:00.0', '0000:02:00.1', '0000:02:01.0'] as const;
const [first, mate, stranger] = addresses;
const machine = useMachine(
  { address: first, group: 20 },
  { address: mate, group: 20 },
  { address: stranger, group: 21 },
);

afterEach(() => {
  machine.setViable(20, true);
  machine.setBusyElsewhere(20, false);
  expectNothingOpen(machine, ...addresses);
});

describe('an open group', () => {
  test('is held until it is closed', async () => {
    await using container = await Container.open();
    const group = await container.openGroup(20);
    expect([group.id, group.closed, group.container]).toEqual([20, false, container]);
    expect(container.groups).toEqual([group]);
    expect(machine.counts().groups).toBe(1);
    await group.close();
    expect(container.groups).toEqual([]);
    expect(machine.counts().groups).toBe(0);
  });

  test('gives its container addresses, without a device', async () => {
    await using container = await Container.open();
    await container.openGroup(20);
    expect(container.info.attached).toBe(true);
    using buffer = container.allocDma(4096);
    expect(machine.mappings(20)).toHaveLength(1);
    expect(buffer.closed).toBe(false);
  });

  test('keeps mappings in the kernel while its devices come and go', async () => {
    await using container = await Container.open();
    await container.openGroup(20);
    const device = await container.openDevice(first);
    container.allocDma(4096);
    await device.close();
    expect(machine.mappings(20)).toHaveLength(1);
    await container.openDevice(mate);
    expect(machine.mappings(20)).toHaveLength(1);
  });

  test('opens its devices and closes them with it', async () => {
    await using container = await Container.open();
    const group = await container.openGroup(20);
    const device = await group.openDevice(first);
    const other = await container.openDevice(mate);
    expect(container.devices).toEqual([device, other]);
    await group.close();
    expect([device.closed, other.closed]).toEqual([true, false]);
    expect(machine.counts().groups).toBe(1);
    await other.close();
    expect(machine.counts().groups).toBe(0);
  });

  test('opens no device of another group, and none that is not there', async () => {
    await using container = await Container.open();
    const group = await container.openGroup(20);
    await expect(group.openDevice(stranger)).rejects.toEqual(withCode('ERR_VFIO_ADDRESS'));
    await expect(group.openDevice('0000:02:1f.7')).rejects.toEqual(withCode('ENODEV'));
    await expect(group.openDevice('../../etc')).rejects.toEqual(withCode('ERR_VFIO_ADDRESS'));
  });

  test('can be open several times, and is held until the last is closed', async () => {
    await using container = await Container.open();
    const groups = await Promise.all([container.openGroup(20), container.openGroup(20)]);
    expect(container.groups).toHaveLength(2);
    await groups[0]?.close();
    expect(machine.counts().groups).toBe(1);
    await groups[1]?.close();
    expect(machine.counts().groups).toBe(0);
  });
});

describe('opening a group is refused', () => {
  test('for a number that no group has', async () => {
    await using container = await Container.open();
    for (const id of badIntegers) {
      await expect(container.openGroup(id)).rejects.toEqual(withCode('ERR_VFIO_RANGE'));
    }
    for (const [, id] of notNumbers) {
      await expect(container.openGroup(id as never)).rejects.toEqual(
        withCode('ERR_INVALID_ARG_TYPE'),
      );
    }
  });

  test.each([
    ['the group', (container: Container) => container.openGroup(20)],
    ['a device of it', (container: Container) => container.openDevice(first)],
    ['a device of it alone', () => openDevice(first)],
  ])('while another process has it: %s', async (_, open) => {
    machine.setBusyElsewhere(20, true);
    await using container = await Container.open();
    const hint = expect.stringContaining('/dev/vfio/20');
    await expect(open(container)).rejects.toEqual(
      withCode('EBUSY', { syscall: 'open', path: '/dev/vfio/20', hint }),
    );
    expect(machine.counts().groups).toBe(0);
    machine.setBusyElsewhere(20, false);
    await (await open(container)).close();
  });

  test.each([
    ['the group', (container: Container) => container.openGroup(20)],
    ['a device of it', (container: Container) => container.openDevice(first)],
    ['a device of it alone', () => openDevice(first)],
  ])('while it is not viable: %s', async (_, open) => {
    machine.setViable(20, false);
    await using container = await Container.open();
    await expect(open(container)).rejects.toEqual(withCode('ERR_VFIO_NOT_VIABLE'));
    expect(machine.counts().groups).toBe(0);
    machine.setViable(20, true);
    await (await open(container)).close();
  });
});

describe('devices of one group', () => {
  test('share the address space of the first, wherever that was opened', async () => {
    await using device = await openDevice(first);
    await using other = await openDevice(mate);
    expect(machine.counts()).toMatchObject({ containers: 1, groups: 1 });
    const buffer = device.allocDma(4096);
    const others = other.allocDma(4096);
    expect(others.iova).not.toBe(buffer.iova);
    other.busMaster = true;
    expect(machine.device(mate).dmaWrite(buffer.iova, Uint8Array.of(7))).toBe(true);
    expect(buffer.u8[0]).toBe(7);
  });

  test('leave it to the others when they close', async () => {
    const device = await openDevice(first);
    await using other = await openDevice(mate);
    const lost = device.allocDma(4096);
    const kept = other.allocDma(4096);
    await device.close();
    expect([lost.closed, kept.closed]).toEqual([true, false]);
    expect(machine.counts()).toMatchObject({ containers: 1, groups: 1 });
    expect(machine.mappings(20).map(({ iova }) => iova)).toEqual([kept.iova]);
    await using again = await openDevice(first);
    again.busMaster = true;
    expect(machine.device(first).dmaRead(kept.iova, 1)).toEqual(Buffer.of(0));
  });

  test.each([
    ['a device', (container: Container) => container.openDevice(mate)],
    ['a device by the one-liner', (container: Container) => openDevice(mate, { container })],
    ['the group', (container: Container) => container.openGroup(20)],
  ])('are refused to another container, with who holds them: %s', async (_, open) => {
    await using holder = await Container.open();
    await using another = await Container.open();
    const device = await holder.openDevice(first);
    const message = expect.stringMatching(/group 20 .* another container of this process/);
    await expect(open(another)).rejects.toEqual(withCode('ERR_VFIO_BUSY', { message }));
    expect(another.info.attached).toBe(false);
    await device.close();
    await open(another);
  });

  test('reset and close apart from each other', async () => {
    await using container = await Container.open();
    const device = await container.openDevice(first);
    const other = await container.openDevice(mate);
    other.bar(0).write32(0, 1);
    await device.reset();
    await device.close();
    expect(other.bar(0).read32(0)).toBe(1);
  });
});
