// SPDX-License-Identifier: MIT
// Accesses to a BAR that the device does not answer: an error, never a signal, and it heals.
import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Container, type Device } from '../../lib/index.js';
import { edu, nvme, pair } from '../../vm/devices.js';
import { useBound, useDevice } from '../support/bound.js';
import { Edu, eduIdentification } from '../support/edu.js';
import { describeOn } from '../support/subject.js';

const memoryDecode = 0x2;
const busError = expect.objectContaining({
  code: 'ERR_VFIO_BUS',
  hint: expect.stringContaining('Memory decode is off'),
});

function setDecode(device: Device, on: boolean): void {
  const { command } = device.config;
  device.config.command = on ? command | memoryDecode : command & ~memoryDecode;
}

describeOn({ backend: 'type1', device: 'edu' }, 'F2/ with memory decode off', () => {
  useBound(...pair);
  const held = useDevice(edu);
  let device: Device;

  beforeEach(() => {
    ({ device } = held);
  });
  afterEach(() => setDecode(held.device, true));

  test.each<[string, () => unknown]>([
    ['read8', () => device.bar(0).read8(0)],
    ['read16', () => device.bar(0).read16(0)],
    ['read32', () => device.bar(0).read32(0)],
    ['read64', () => device.bar(0).read64(0)],
    ['write8', () => device.bar(0).write8(4, 0)],
    ['write16', () => device.bar(0).write16(4, 0)],
    ['write32', () => device.bar(0).write32(4, 0)],
    ['write64', () => device.bar(0).write64(0x80, 0n)],
  ])('%s throws, and works again when it is on', (_what, access) => {
    access();
    setDecode(device, false);
    expect(access).toThrow(busError);
    expect(access).toThrow(busError);
    setDecode(device, true);
    access();
    expect(device.bar(0).read32(0)).toBe(eduIdentification);
  });

  test('the error names the access and the device', () => {
    setDecode(device, false);
    expect(() => device.bar(0).read32(0x08)).toThrow(
      expect.objectContaining({
        address: edu.address,
        message: expect.stringMatching(/BAR0 of 0000:00:01\.0/),
      }),
    );
  });

  test('a doorbell loses what is written, and works again when it is on', () => {
    // edu inverts what is written to 04h (docs/specs/edu.rst of QEMU).
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

  // Each takes QEMU most of a millisecond, and the kernel a page fault: more of them take too long.
  test('it goes off and on a thousand times, with a read each time', () => {
    const { config } = device;
    const bar = device.bar(0);
    const on = config.command;
    const outcomes = { read: 0, failed: 0, wrong: 0 };
    for (let round = 0; round < 1000; round++) {
      config.command = (round & 1) === 0 ? on & ~memoryDecode : on;
      try {
        if (bar.read32(0) === eduIdentification) outcomes.read++;
        else outcomes.wrong++;
      } catch (failure) {
        if ((failure as NodeJS.ErrnoException).code === 'ERR_VFIO_BUS') outcomes.failed++;
        else outcomes.wrong++;
      }
    }
    expect(outcomes).toEqual({ read: 500, failed: 500, wrong: 0 });
  });

  test('the other device of the group goes on', async () => {
    await using container = await Container.open();
    const [first, second] = await Promise.all(
      pair.map(({ address }) => container.openDevice(address)),
    );
    if (first === undefined || second === undefined) throw new Error('no pair');
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

describeOn({ backend: 'type1', device: 'nvme' }, 'F2/ a device in D3hot', () => {
  const held = useDevice(nvme);
  const version = 0x0001_0400;
  let device: Device;
  let powerControl: number;

  beforeAll(() => {
    // PCI Power Management 1.2, 3.2.4: PMCSR, with the power state in its low bits.
    powerControl = (held.device.config.find(0x01)?.offset ?? 0) + 4;
  });
  beforeEach(() => {
    ({ device } = held);
  });

  const setPower = (state: number) => {
    const before = device.config.read16(powerControl);
    device.config.write16(powerControl, (before & ~3) | state);
  };

  test('throws from its BAR and keeps its config space', () => {
    expect(device.bar(0).read32(0x08)).toBe(version);
    setPower(3);
    try {
      expect(device.config.read16(powerControl) & 3).toBe(3);
      expect(() => device.bar(0).read32(0x08)).toThrow(busError);
      expect(() => device.bar(0).write32(0x14, 0)).toThrow(busError);
      expect(device.config.vendorId).toBe(nvme.vendor);
    } finally {
      setPower(0);
    }
  });

  test('answers again when it is awake', () => {
    for (let round = 0; round < 5; round++) {
      setPower(3);
      expect(() => device.bar(0).read32(0x08)).toThrow(busError);
      setPower(0);
      expect(device.bar(0).read32(0x08)).toBe(version);
    }
  });

  test('is woken by a reset', async () => {
    setPower(3);
    await device.reset();
    expect(device.config.read16(powerControl) & 3).toBe(0);
    expect(device.bar(0).read32(0x08)).toBe(version);
  });

  test('can be closed, and opened awake', async () => {
    setPower(3);
    await held.reopen();
    expect(held.device.config.read16(powerControl) & 3).toBe(0);
    expect(held.device.bar(0).read32(0x08)).toBe(version);
  });
});
