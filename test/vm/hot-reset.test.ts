// SPDX-License-Identifier: MIT
// Hot resets of a whole slot or bus: which devices they affect, and what prevents them.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { bindDevice, Container, type Device, openDevice } from '../../lib/index.js';
import { blocked, edu, nvme } from '../../vm/devices.js';
import { groupOf, realConfig16, useBound, useDevice } from '../support/bound.js';
import { command } from '../support/command-register.js';
import { Edu, eduIdentification } from '../support/edu.js';
import { failureOf } from '../support/failures.js';
import { hotResetGap } from '../support/hot-reset-gap.js';
import { LAG_LIMIT_MS, lagDuring } from '../support/lag.js';
import { testIf } from '../support/skips.js';
import { describeOn } from '../support/subject.js';
import { driverOf } from '../support/sysfs.js';

const busy = expect.objectContaining({ code: 'ERR_VFIO_BUSY' });

/** The bits of the command register that show whether a device is quiet. */
function quietBits(device: { address: string }): number {
  const bits = command.memory | command.busMaster | command.intxDisable;
  return realConfig16(device as typeof edu, command.register) & bits;
}

const quiet = command.memory | command.intxDisable;

describeOn({ backend: 'type1', device: 'nvme' }, 'F2/ a hot reset of a slot', () => {
  const held = useDevice(nvme);
  const testGivenUp = testIf(
    hotResetGap !== undefined,
    'later kernels judge the link state by whether the device answers',
  );

  testGivenUp('says what it means when the kernel gives up', async () => {
    await expect(held.device.hotReset()).rejects.toMatchObject({
      code: 'ENOTTY',
      request: 'VFIO_DEVICE_PCI_HOT_RESET',
      message: expect.stringContaining('neither a slot reset nor a bus reset worked'),
    });
  });
});

describeOn({ backend: 'type1', device: 'edu' }, 'F2/ a hot reset of a bus', () => {
  const { edu: first, neighbour } = blocked;
  /** A register of e1000e that its reset clears: the base of the transmit ring (Intel 82574, 10.2.6.5). */
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
      // Make the access at once: the reset ends soon, even while this thread is busy.
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
        message: expect.stringContaining(`${neighbour.address} has no driver`),
        hint: expect.stringContaining(`bindDevice('${neighbour.address}')`),
      });
      expect(device.bar(0).read32(0x04)).toBe(~7 >>> 0);
    } finally {
      writeFileSync(`/sys/bus/pci/drivers/${before}/bind`, neighbour.address);
    }
  });
});
