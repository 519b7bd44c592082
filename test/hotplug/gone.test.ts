// SPDX-License-Identifier: MIT
// A device that disappears without notice while it is in use: its slot loses power.
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Controller } from '../../lib/nvme/controller.js';
import { type Binding, bindDevice, type Device, openDevice } from '../../lib/index.js';
import { nvme, rootPort } from '../../vm/devices.js';
import { deviceMappings } from '../support/own-process.js';
import { removed, unbound } from '../support/removal.js';
import { SlotPower } from '../support/slot-power.js';
import { describeOn } from '../support/subject.js';
import { nvmeDisk } from '../support/sysfs.js';

const lost = { code: 'ERR_VFIO_LOST', address: nvme.address };
const status = 0x06;

describeOn({ backend: 'type1', device: 'nvme' }, 'F4/ a device that has vanished', () => {
  let slot: SlotPower;
  let binding: Binding;
  let device: Device;
  let losses: number;

  beforeEach(async () => {
    slot = new SlotPower(rootPort);
    binding = await bindDevice(nvme.address);
    device = await openDevice(nvme.address);
    losses = 0;
    device.on('lost', () => losses++);
  });
  afterEach(async () => {
    // Without power, the kernel would wait for the device for more than a minute.
    await slot.on();
    await device.close();
    // The device has lost its BARs, and the kernel does not know.
    await removed.take(nvme);
    binding = await removed.bringBack(nvme, binding);
    await binding.restore();
    await nvmeDisk();
  });

  /** Turns the slot's power off and makes the library notice. */
  async function vanish(): Promise<void> {
    const told = once(device, 'lost');
    await slot.off();
    expect(() => device.config.read16(status)).toThrow(expect.objectContaining(lost));
    await told;
  }

  test('is noticed by who reads its config space', async () => {
    await vanish();
    expect(losses).toBe(1);
  });

  test('is noticed by who sets bus master', async () => {
    const told = once(device, 'lost');
    await slot.off();
    expect(() => {
      device.busMaster = true;
    }).toThrow(expect.objectContaining(lost));
    await told;
  });

  test('says so in every call from then on, also when its power is back', async () => {
    const bar = device.bar(0);
    const doorbell = bar.doorbell(0x1000);
    await vanish();
    const calls: (() => unknown)[] = [
      () => bar.read32(0),
      () => bar.write32(0x14, 0),
      () => bar.read64(0),
      () => doorbell.write(0),
      () => device.config.read32(0),
      () => device.config.write16(4, 0),
      () => device.busMaster,
      () => device.enableInterrupts('intx'),
    ];
    for (let round = 0; round < 2; round++) {
      for (const call of calls) expect(call).toThrow(expect.objectContaining({ code: lost.code }));
      await expect(bar.poll32(0x1c, 1, 1, { timeout: 9000 })).rejects.toMatchObject(lost);
      await expect(device.reset()).rejects.toMatchObject(lost);
      await slot.on();
    }
    expect(losses).toBe(1);
  });

  test('while the kernel wants it back is lost all the same', async () => {
    const order: string[] = [];
    for (const name of ['request', 'lost', 'close'] as const) {
      device.on(name, () => order.push(name));
    }
    const requested = once(device, 'request');
    const gone = unbound.take(nvme);
    await requested;
    await vanish();
    expect(order).toEqual(['request', 'lost']);
    await slot.on();
    await device.close();
    await gone;
  });

  test('leaves memory and interrupts to be closed, and nothing of it stays', async () => {
    device.busMaster = true;
    const memory = device.allocDma(4096);
    const set = device.enableInterrupts('msix', { count: 2 });
    const wait = expect(set.vector(0).once()).rejects.toMatchObject({ code: 'ERR_VFIO_CLOSED' });
    await vanish();
    memory.u32[0] = 1;
    set.close();
    await wait;
    await slot.on();
    await device.close();
    expect(memory.closed).toBe(true);
    expect(deviceMappings().filter((line) => line.includes('[vfio-device]'))).toEqual([]);
  });

  test('ends the commands of the NVMe driver, which can be closed', async () => {
    const controller = await Controller.open(device);
    const memory = device.allocDma(16 * 4096);
    // Without bus master, the controller can neither fetch a command nor answer.
    device.busMaster = false;
    const reads = Array.from({ length: 16 }, (_, i) =>
      controller.namespace().read(i, memory, i * 4096, 4096),
    );
    const outcomes = Promise.allSettled(reads);
    await vanish();
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'ERR_NVME_FATAL' } });
    }
    await controller.close();
  });
});
