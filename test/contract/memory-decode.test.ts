// SPDX-License-Identifier: MIT
// Accesses to a BAR that the device does not answer: they throw, without a signal, and the BAR recovers.
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Device } from '../../lib/index.js';
import { everyAccess } from '../support/accesses.js';
import { describeContract } from '../support/back-ends.js';
import { Edu, eduIdentification, eduRegisters } from '../support/edu.js';
import { LAG_LIMIT_MS, lagDuring } from '../support/lag.js';
import { toggleUnderReaders } from '../support/toggles.js';

const memoryDecode = 0x2;
const busError = expect.objectContaining({
  code: 'ERR_VFIO_BUS',
  hint: expect.stringContaining('Memory decode is off'),
});

function setDecode(device: Device, on: boolean): void {
  const { command } = device.config;
  device.config.command = on ? command | memoryDecode : command & ~memoryDecode;
}

describeContract({ device: 'edu' }, 'F2/ with memory decode off', (subject) => {
  const { edu, pair } = subject.devices;
  subject.useReady(...pair);
  const held = subject.useDevice(edu);
  let device: Device;

  beforeEach(() => {
    ({ device } = held);
  });
  afterEach(() => setDecode(held.device, true));

  // edu has no register at this offset: the value does not matter.
  test.each(everyAccess)('%s fails, and works again when it is on', async (_what, access) => {
    const bar = device.bar(0);
    const attempt = async () => access(bar, 0x10);
    await attempt();
    setDecode(device, false);
    await expect(attempt()).rejects.toEqual(busError);
    await expect(attempt()).rejects.toEqual(busError);
    setDecode(device, true);
    await attempt();
    expect(bar.read32(0)).toBe(eduIdentification);
  });

  test('the error names the access and the device', () => {
    setDecode(device, false);
    expect(() => device.bar(0).read32(0x08)).toThrow(
      expect.objectContaining({
        address: edu.address,
        message: expect.stringContaining(`BAR0 of ${edu.address}`),
      }),
    );
  });

  test('a doorbell loses what is written, and works again when it is on', () => {
    // edu inverts what is written to 04h (docs/specs/edu.rst in QEMU).
    const liveness = device.bar(0).doorbell(0x04);
    for (const value of [1, 2, 3]) {
      setDecode(device, false);
      liveness.write(99);
      setDecode(device, true);
      expect(device.bar(0).read32(0x04)).not.toBe(~99 >>> 0);
      liveness.write(value);
      expect(device.bar(0).read32(0x04)).toBe(~value >>> 0);
    }
  });

  test('config space works', () => {
    setDecode(device, false);
    expect(device.config.vendorId).toBe(edu.vendor);
    expect(device.config.command & memoryDecode).toBe(0);
  });

  test('a write never arrives', () => {
    new Edu(device).invert(0x0102_0304);
    setDecode(device, false);
    expect(() => device.bar(0).write32(0x04, 0xffff_ffff)).toThrow(busError);
    setDecode(device, true);
    expect(device.bar(0).read32(0x04)).toBe(~0x0102_0304 >>> 0);
  });

  // Each change takes QEMU almost a millisecond, and the kernel a page fault. The soak run makes 100 000 of them.
  test('it goes off and on three hundred times under readers in two threads', async () => {
    const toggles = 300;
    const { here, there } = await toggleUnderReaders(device, toggles, eduRegisters);
    expect(here).toEqual({ read: toggles / 2, failed: toggles / 2, wrong: 0 });
    expect(there).toEqual({ read: expect.any(Number), failed: expect.any(Number), wrong: 0 });
    expect(Math.min(there.read, there.failed)).toBeGreaterThan(0);
  });

  test('the other device of the group goes on', async () => {
    await using container = await subject.openContainer();
    const [first, second] = await Promise.all(
      pair.map(({ address }) => container.openDevice(address)),
    );
    if (first === undefined || second === undefined) throw new Error('the pair did not open');
    setDecode(first, false);
    expect(() => first.bar(0).read32(0)).toThrow(busError);
    expect(second.bar(0).read32(0)).toBe(eduIdentification);
    setDecode(first, true);
    expect(first.bar(0).read32(0)).toBe(eduIdentification);
  });

  test('it is on again for who opens it next', async () => {
    setDecode(device, false);
    await held.reopen();
    expect(held.device.config.command & memoryDecode).toBe(memoryDecode);
    expect(held.device.bar(0).read32(0)).toBe(eduIdentification);
  });

  test('a device that was never accessed throws too', async () => {
    await held.reopen();
    setDecode(held.device, false);
    expect(() => held.device.bar(0).read32(0)).toThrow(busError);
    setDecode(held.device, true);
    expect(held.device.bar(0).read32(0)).toBe(eduIdentification);
  });
});

describeContract({ device: 'nvme' }, 'F2/ a device in D3hot', (subject) => {
  const { nvme } = subject.devices;
  const held = subject.useDevice(nvme);
  const version = 0x0001_0400;
  let device: Device;

  beforeEach(() => {
    ({ device } = held);
  });

  test('throws from its BAR and keeps its config space', () => {
    expect(device.bar(0).read32(0x08)).toBe(version);
    device.powerState = 'D3hot';
    try {
      expect(device.powerState).toBe('D3hot');
      expect(() => device.bar(0).read32(0x08)).toThrow(busError);
      expect(() => device.bar(0).write32(0x14, 0)).toThrow(busError);
      expect(device.config.vendorId).toBe(nvme.vendor);
    } finally {
      device.powerState = 'D0';
    }
  });

  test('answers again when it is awake', () => {
    for (let round = 0; round < 5; round++) {
      device.powerState = 'D3hot';
      expect(() => device.bar(0).read32(0x08)).toThrow(busError);
      device.powerState = 'D0';
      expect(device.bar(0).read32(0x08)).toBe(version);
    }
  });

  test('fails every kind of access, and takes each again when it is awake', async () => {
    const bar = device.bar(0);
    const doorbell = bar.doorbell(0x0c);
    const failures: unknown[] = [];
    device.powerState = 'D3hot';
    for (const [, access] of everyAccess) {
      await (async () => access(bar, 0x08))().catch((failure) => failures.push(failure));
    }
    expect(failures).toEqual(everyAccess.map(() => busError));
    doorbell.write(1); // lost
    device.powerState = 'D0';
    for (const [, access] of everyAccess) await access(bar, 0x08);
    // INTMS reads as the mask of the interrupts.
    expect(bar.read32(0x0c)).toBe(0);
    doorbell.write(2);
    expect(bar.read32(0x0c)).toBe(2);
    bar.write32(0x10, 2);
  });

  test('has its config space as before when it is awake', () => {
    device.busMaster = true;
    const before = [device.config.command, device.config.read32(0x10)];
    device.powerState = 'D3hot';
    device.powerState = 'D0';
    expect([device.config.command, device.config.read32(0x10)]).toEqual(before);
    device.busMaster = false;
  });

  test('takes the event loop no time by coming and going', async () => {
    const { lag, outcomes } = await lagDuring(
      async () => {
        for (let round = 0; round < 10; round++) {
          device.powerState = round % 2 === 0 ? 'D3hot' : 'D0';
          await new Promise((turn) => setTimeout(turn, 2));
        }
      },
      () => device.bar(0).read32(0x08),
    );
    expect(lag).toBeLessThan(LAG_LIMIT_MS);
    expect(Object.keys(outcomes).sort()).toEqual(['ERR_VFIO_BUS', 'fine']);
  });

  test('is woken by a reset', async () => {
    device.powerState = 'D3hot';
    await device.reset();
    expect(device.powerState).toBe('D0');
    expect(device.bar(0).read32(0x08)).toBe(version);
  });

  test('has only the states of its capability', () => {
    expect(() => {
      device.powerState = 'D1';
    }).toThrow(expect.objectContaining({ code: 'ERR_VFIO_UNSUPPORTED' }));
    expect(() => {
      device.powerState = 'D4' as never;
    }).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
    expect(device.powerState).toBe('D0');
  });

  test('can be closed, and opened awake', async () => {
    device.powerState = 'D3hot';
    await held.reopen();
    expect(held.device.powerState).toBe('D0');
    expect(held.device.bar(0).read32(0x08)).toBe(version);
  });
});
