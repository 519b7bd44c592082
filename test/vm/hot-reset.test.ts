// SPDX-License-Identifier: MIT
// Resetting a whole slot or bus: what is taken along, and what is in the way.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { bindDevice, Container, type Device, openDevice } from '../../lib/index.js';
import { blocked, edu, nvme } from '../../vm/devices.js';
import { driverOf, groupOf, realConfig16, useBound, useDevice } from '../support/bound.js';
import { Edu, eduIdentification } from '../support/edu.js';
import { LAG_LIMIT_MS, lagDuring } from '../support/lag.js';
import { testIf } from '../support/skips.js';
import { describeOn } from '../support/subject.js';

const command = { register: 0x04, memory: 0x2, busMaster: 0x4, intxDisable: 0x400 };
const busy = expect.objectContaining({ code: 'ERR_VFIO_BUSY' });

/** What a call throws. */
function failureOf(call: () => unknown): unknown {
  try {
    call();
  } catch (failure) {
    return failure;
  }
  return undefined;
}

/** Bits of the command register that a driver finds after a reset. */
function quietBits(device: { address: string }): number {
  const bits = command.memory | command.busMaster | command.intxDisable;
  return realConfig16(device as typeof edu, command.register) & bits;
}

const quiet = command.memory | command.intxDisable;

describeOn({ backend: 'type1', device: 'nvme' }, 'F2/ a hot reset of a slot', () => {
  const reg = { version: 0x08, configuration: 0x14 };
  const version = 0x0001_0400;
  const held = useDevice(nvme);
  // Later kernels take the answer of the device for it.
  const gaveUp = /^6\.(1|12)\./.test(release());
  const testReset = testIf(
    !gaveUp,
    "Linux 6.1 and 6.12 wait for a link state that QEMU's root port does not show after a reset",
  );
  const testGivenUp = testIf(
    gaveUp,
    'later kernels take the answer of the device for the link state',
  );
  let device: Device;
  beforeEach(() => {
    ({ device } = held);
  });

  test('takes along what the kernel says', () => {
    expect(device.hotResetInfo()).toEqual([{ address: nvme.address, group: groupOf(nvme) }]);
  });

  testGivenUp('says what it means when the kernel gives up', async () => {
    await expect(device.hotReset()).rejects.toMatchObject({
      code: 'ENOTTY',
      request: 'VFIO_DEVICE_PCI_HOT_RESET',
      hint: expect.stringContaining('neither a slot reset nor a bus reset worked'),
    });
  });

  testReset('takes the device back to where it started, quiet', async () => {
    const bar = device.bar(0);
    bar.write32(reg.configuration, 0x0046_0000); // sizes of queue entries, not enabled
    device.busMaster = true;
    const set = device.enableInterrupts('msix', { count: 2 });
    const waiting = expect(set.vector(0).once()).rejects.toMatchObject({ code: 'ERR_VFIO_CLOSED' });
    const heard = once(device, 'reset');
    await device.hotReset();
    await Promise.all([waiting, heard]);
    expect(bar.read32(reg.configuration)).toBe(0);
    expect(bar.read32(reg.version)).toBe(version);
    expect(quietBits(nvme)).toBe(quiet);
    device.busMaster = true;
    using again = device.enableInterrupts('msix', { count: 4 });
    const arrived = again.vector(3).once({ timeout: 5000 });
    again.vector(3).trigger();
    expect(await arrived).toBe(1);
  });

  testReset('refuses accesses, other resets and closing late, and wakes the device', async () => {
    const powerControl = (device.config.find(0x01)?.offset ?? 0) + 4;
    device.config.write16(powerControl, device.config.read16(powerControl) | 3);
    const bar = device.bar(0);
    const reset = device.hotReset();
    // At once: the kernel is done in milliseconds, whatever this thread does meanwhile.
    const another = device.reset().catch((failure) => failure);
    const failures = [() => bar.read32(reg.version), () => device.config.vendorId].map(failureOf);
    await reset;
    expect([...failures, await another]).toEqual([busy, busy, busy]);
    expect(device.config.read16(powerControl) & 3).toBe(0);
    expect(device.bar(0).read32(reg.version)).toBe(version);
    const late = device.hotReset();
    const closed = device.close();
    await expect(late).rejects.toMatchObject({ code: 'ERR_VFIO_CLOSED' });
    await closed;
    await held.reopen();
    expect(held.device.bar(0).read32(reg.version)).toBe(version);
  });

  testReset('leaves the event loop free', async () => {
    const { lag, outcomes } = await lagDuring(
      () => device.hotReset(),
      () => device.bar(0).read32(reg.version),
    );
    expect(lag).toBeLessThan(LAG_LIMIT_MS);
    expect(outcomes.ERR_VFIO_BUSY).toBeGreaterThan(0);
    expect(Object.keys(outcomes).filter((key) => !['fine', 'ERR_VFIO_BUSY'].includes(key))).toEqual(
      [],
    );
  });
});

describeOn({ backend: 'type1', device: 'edu' }, 'F2/ a hot reset of a bus', () => {
  const { edu: first, neighbour } = blocked;
  /** Of e1000e: base of the transmit ring, a register that its reset clears (Intel 82574, 10.2.6.5). */
  const ringBase = 0x3800;
  useBound(first, neighbour);
  let container: Container;
  let device: Device;
  let nic: Device;

  beforeEach(async () => {
    container = await Container.open();
    device = await container.openDevice(first.address);
    nic = await container.openDevice(neighbour.address);
  });
  afterEach(() => container.close());

  test('takes every device along, and each is quiet after it', async () => {
    const group = groupOf(first);
    expect(device.hotResetInfo()).toEqual(
      [first, neighbour].map(({ address }) => ({ address, group })),
    );
    for (const each of [device, nic]) each.busMaster = true;
    const set = nic.enableInterrupts('msix');
    nic.bar(0).write32(ringBase, 0x1230);
    expect(nic.bar(0).read32(ringBase)).toBe(0x1230);
    for (const access of [() => nic.bar(0).read32(ringBase), () => nic.config.vendorId]) {
      const heard = once(nic, 'reset');
      const reset = device.hotReset();
      // At once: it is over soon, whatever this thread does meanwhile.
      const failure = failureOf(access);
      await reset;
      expect(failure).toEqual(busy);
      await heard;
    }
    expect(nic.bar(0).read32(ringBase)).toBe(0);
    expect(set.closed).toBe(true);
    expect([first, neighbour].map(quietBits)).toEqual([quiet, quiet]);
    expect(new Edu(device).invert(0x0102_0304)).toBe(~0x0102_0304 >>> 0);
  });

  test('a neighbour without memory decode has it again, with its doorbells', async () => {
    const liveness = device.bar(0).doorbell(0x04);
    device.config.command = device.config.command & ~command.memory;
    liveness.write(99);
    await Promise.all([nic.hotReset(), once(device, 'reset')]);
    liveness.write(5);
    expect(device.bar(0).read32(0x04)).toBe(~5 >>> 0);
    expect(device.bar(0).read32(0)).toBe(eduIdentification);
  });

  test('takes along one that is not open', async () => {
    await nic.close();
    await device.hotReset();
    expect(device.bar(0).read32(0)).toBe(eduIdentification);
    nic = await container.openDevice(neighbour.address);
    expect(nic.config.vendorId).toBe(neighbour.vendor);
  });

  test('leaves the event loop free, with both devices in use', async () => {
    const { lag, outcomes } = await lagDuring(
      () => device.hotReset(),
      () => nic.bar(0).read32(0x08),
    );
    expect(lag).toBeLessThan(LAG_LIMIT_MS);
    expect(outcomes.ERR_VFIO_BUSY).toBeGreaterThan(0);
  });
});

describeOn({ backend: 'type1', device: 'edu' }, 'F2/ a hot reset that is not possible', () => {
  test('says that there is none on a root bus', async () => {
    await using binding = await bindDevice(edu.address);
    await using device = await openDevice(binding.address);
    expect(device.hotResetInfo()).toEqual([]);
    await expect(device.hotReset()).rejects.toMatchObject({
      code: 'ERR_VFIO_UNSUPPORTED',
      address: edu.address,
    });
  });

  test('names the device that is not bound to vfio-pci, and resets nothing', async () => {
    const { edu: first, neighbour } = blocked;
    const before = driverOf(neighbour);
    await using binding = await bindDevice(first.address);
    writeFileSync(`/sys/bus/pci/drivers/${before}/unbind`, neighbour.address);
    try {
      await using device = await openDevice(binding.address);
      new Edu(device).invert(7);
      await expect(device.hotReset()).rejects.toMatchObject({
        code: 'ERR_VFIO_NOT_BOUND',
        message: expect.stringContaining(`${neighbour.address} to no driver`),
        hint: expect.stringContaining(`bindDevice('${neighbour.address}')`),
      });
      expect(device.bar(0).read32(0x04)).toBe(~7 >>> 0);
    } finally {
      writeFileSync(`/sys/bus/pci/drivers/${before}/bind`, neighbour.address);
    }
  });
});
