// SPDX-License-Identifier: MIT
// Resetting a device: the state that is lost, the state that stays, and the calls that are refused until it ends.
import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Device } from '../../lib/index.js';
import { describeContract } from '../support/back-ends.js';
import { command } from '../support/command-register.js';
import { failureOf } from '../support/failures.js';
import { LAG_LIMIT_MS, lagDuring } from '../support/lag.js';

const reg = { cap: 0x00, version: 0x08, configuration: 0x14, status: 0x1c, attributes: 0x24 };
const queues = { submission: 0x28, completion: 0x30 };
/** IOCQES 4, IOSQES 6 and EN. */
const enabled = 0x0046_0001;
/** A function-level reset takes at least this long (PCI Express Base 4.0, 6.6.2). */
const RESET_MS = 100;

describeContract({ device: 'nvme' }, 'F2/ a reset', (subject) => {
  const { nvme } = subject.devices;
  const busy = expect.objectContaining({ code: 'ERR_VFIO_BUSY', address: nvme.address });
  subject.useReady(nvme);
  let device: Device;

  beforeEach(async () => {
    device = await subject.openDevice(nvme);
  });
  afterEach(() => device.close());

  /** Enables the controller, with an admin queue pair that it never uses. */
  async function enableController(): Promise<void> {
    const bar = device.bar(0);
    const memory = device.allocDma(8192);
    bar.write32(reg.attributes, 0x001f_001f);
    bar.write64(queues.submission, BigInt(memory.address(0)));
    bar.write64(queues.completion, BigInt(memory.address(4096)));
    bar.write32(reg.configuration, enabled);
    while ((bar.read32(reg.status) & 1) === 0) await new Promise((turn) => setImmediate(turn));
  }

  test('takes the device back to where it started', async () => {
    await enableController();
    expect(device.bar(0).read32(reg.configuration)).toBe(enabled);
    await device.reset();
    expect(device.bar(0).read32(reg.status) & 1).toBe(0);
    expect(device.bar(0).read32(reg.configuration)).toBe(0);
    expect(device.bar(0).read32(reg.version)).toBe(0x0001_0400);
  });

  test('leaves bus master off and memory decode on, as an open does', async () => {
    device.busMaster = true;
    device.config.command &= ~command.memory;
    await device.reset();
    expect(device.busMaster).toBe(false);
    expect(device.config.command & command.memory).toBe(command.memory);
    // The bit is what the kernel shows. Only a read of the BAR proves that the device decodes memory.
    expect(device.bar(0).read32(reg.version)).toBe(0x0001_0400);
  });

  test('leaves the BAR where it was', async () => {
    const before = device.config.read32(0x10);
    await device.reset();
    expect(device.config.read32(0x10)).toBe(before);
  });

  test('emits the reset event when it is done', async () => {
    let events = 0;
    device.on('reset', () => {
      events++;
      expect(device.bar(0).read32(reg.version)).toBe(0x0001_0400);
    });
    const reset = device.reset();
    expect(events).toBe(0);
    await reset;
    expect(events).toBe(1);
  });

  /**
   * Returns the error of an access during a reset. On a busy machine, the reset can end before the access: then it
   * tries again.
   */
  async function failureWhileResetting(access: () => unknown): Promise<unknown> {
    for (;;) {
      const started = performance.now();
      const reset = device.reset();
      const failure = failureOf(access);
      const inTime = performance.now() - started < RESET_MS;
      await reset;
      if (inTime) return failure;
    }
  }

  test('refuses every access while it lasts', async () => {
    const { config } = device;
    const bar = device.bar(0);
    const accesses = [
      () => bar.read32(reg.version),
      () => bar.write32(reg.configuration, 0),
      () => bar.read64(reg.cap),
      () => config.read16(0),
      () => config.write16(command.register, 0),
      () => device.busMaster,
      () => {
        device.busMaster = true;
      },
      () => device.enableInterrupts('intx'),
    ];
    for (const access of accesses) expect(await failureWhileResetting(access)).toEqual(busy);
    expect(bar.read32(reg.version)).toBe(0x0001_0400);
  });

  test('refuses another one while it lasts', async () => {
    const first = device.reset();
    await expect(device.reset()).rejects.toMatchObject({ code: 'ERR_VFIO_BUSY' });
    await first;
    await device.reset();
  });

  test('leaves the event loop free', async () => {
    // The kernel waits 100 ms for a function-level reset.
    const started = performance.now();
    const { lag, outcomes } = await lagDuring(
      () => device.reset(),
      () => device.bar(0).read32(reg.version),
    );
    expect(performance.now() - started).toBeGreaterThan(90);
    expect(lag).toBeLessThan(LAG_LIMIT_MS);
    expect(outcomes.ERR_VFIO_BUSY).toBeGreaterThan(0);
  });

  test('and a close leave the event loop free', async () => {
    const { lag, outcomes } = await lagDuring(
      () => device.close(),
      () => device.bar(0).read32(reg.version),
    );
    expect(lag).toBeLessThan(LAG_LIMIT_MS);
    expect(Object.keys(outcomes)).toEqual(['ERR_VFIO_CLOSED']);
  });

  test('closes the interrupt set; another can be armed after it', async () => {
    device.busMaster = true;
    const set = device.enableInterrupts('msix', { count: 4 });
    const waiting = set.vector(0).once();
    const iterator = set.vector(1)[Symbol.asyncIterator]();
    const next = iterator.next();
    const reset = device.reset();
    expect(set.closed).toBe(true);
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_VFIO_CLOSED' });
    await expect(next).resolves.toEqual({ value: undefined, done: true });
    await reset;
    expect(() => device.enableInterrupts('msix')).toThrow(
      expect.objectContaining({ code: 'ERR_VFIO_BUS_MASTER' }),
    );
    device.busMaster = true;
    using again = device.enableInterrupts('msix', { count: 4 });
    const arrived = again.vector(3).once({ timeout: 5000 });
    again.vector(3).trigger();
    expect(await arrived).toBe(1);
  });

  test('keeps DMA memory, its contents and its IOVA', async () => {
    const buffer = device.allocDma(4096);
    buffer.u32.fill(0xc0ff_ee00);
    const { iova } = buffer;
    const { mappingsAvailable } = device.container.info;
    await device.reset();
    expect(device.container.info.mappingsAvailable).toBe(mappingsAvailable);
    expect(buffer.iova).toBe(iova);
    expect(buffer.u32.every((word) => word === 0xc0ff_ee00)).toBe(true);
    await enableController();
  });

  test('can be repeated', async () => {
    for (let round = 0; round < 5; round++) {
      await enableController();
      await device.reset();
      expect(device.bar(0).read32(reg.status) & 1).toBe(0);
    }
  });

  test('in flight is waited for by close', async () => {
    const reset = device.reset();
    const closed = device.close();
    await Promise.allSettled([reset, closed]);
    await expect(closed).resolves.toBeUndefined();
    await (await subject.openDevice(nvme)).close();
  });

  test('after close is refused', async () => {
    await device.close();
    await expect(device.reset()).rejects.toMatchObject({ code: 'ERR_VFIO_CLOSED' });
  });
});

describeContract({ device: 'edu' }, 'a device without a reset', (subject) => {
  const { edu } = subject.devices;
  const held = subject.useDevice(edu);
  let device: Device;
  beforeAll(() => {
    ({ device } = held);
  });

  test('says so', async () => {
    expect(device.info.resettable).toBe(false);
    await expect(device.reset()).rejects.toMatchObject({
      code: 'ERR_VFIO_UNSUPPORTED',
      address: edu.address,
      hint: expect.stringContaining('hotReset'),
    });
  });

  test('is as it was after the refusal', async () => {
    device.busMaster = true;
    const set = device.enableInterrupts('msi');
    await expect(device.reset()).rejects.toMatchObject({ code: 'ERR_VFIO_UNSUPPORTED' });
    expect(set.closed).toBe(false);
    expect(device.busMaster).toBe(true);
    set.close();
    device.busMaster = false;
  });
});
