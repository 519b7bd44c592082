// SPDX-License-Identifier: MIT
// The hot reset of a slot with one device: the state that is lost, and the calls that are refused until it ends.
import { once } from 'node:events';
import { beforeEach, expect, test } from '@jest/globals';
import type { Device } from '../../lib/index.js';
import { describeContract } from '../support/back-ends.js';
import { command } from '../support/command-register.js';
import { failureOf } from '../support/failures.js';
import { LAG_LIMIT_MS, lagDuring } from '../support/lag.js';
import { testIf } from '../support/skips.js';

const busy = expect.objectContaining({ code: 'ERR_VFIO_BUSY' });

describeContract({ device: 'nvme' }, 'F2/ a hot reset of a slot', (subject) => {
  const { nvme } = subject.devices;
  const reg = { version: 0x08, configuration: 0x14 };
  const version = 0x0001_0400;
  const held = subject.useDevice(nvme);
  const { hotResetGap = '' } = subject;
  const testReset = testIf(hotResetGap === '', hotResetGap);
  let device: Device;
  beforeEach(() => {
    ({ device } = held);
  });

  test('takes along what the kernel says', () => {
    expect(device.hotResetInfo()).toEqual([
      { address: nvme.address, group: subject.groupOf(nvme) },
    ]);
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
    expect(device.busMaster).toBe(false);
    expect(device.config.command & command.memory).toBe(command.memory);
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
    // Make the calls at once: the kernel needs only milliseconds, even while this thread is busy.
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
