// SPDX-License-Identifier: MIT
// Closing leaves nothing in this process, and the next process can open the device. The same holds if the process was
// killed before it could close anything.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { Container, type Device, openDevice } from '../../lib/index.js';
import { edu, nvme, pair } from '../../vm/devices.js';
import { groupNode, useBound } from '../support/bound.js';
import { Edu, eduIdentification } from '../support/edu.js';
import { Holder } from '../support/holder.js';
import { expectKernelLog } from '../support/kernel-log.js';
import { ordersOf } from '../support/orders.js';
import { deviceMappings, lockedMemory, openDescriptors } from '../support/own-process.js';
import { Peer } from '../support/peer.js';
import { describeOn } from '../support/subject.js';

const closed = { code: 'ERR_VFIO_CLOSED' };

/** The paths of the VFIO files that this process has open. */
function vfioDescriptors(): string[] {
  return openDescriptors().flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.includes('vfio') && !target.includes('vfio-vm') ? [target] : [];
    } catch {
      return [];
    }
  });
}

/**
 * The mappings of `/dev/vfio` and of devices. The addon's own file is left out, although its name contains vfio too.
 */
function vfioMappings(): string[] {
  return deviceMappings().filter((line) => !line.endsWith('.node'));
}

/** Uses a device in every way that takes a resource from the kernel. */
async function use(device: Device): Promise<void> {
  device.bar(0).read32(0);
  device.busMaster = true;
  const set = device.enableInterrupts(device.info.resettable ? 'msix' : 'msi');
  set.vector(0).on(() => {});
  set.vector(0).trigger();
  device.allocDma(2 ** 21).u8.fill(1);
  device.allocDma(4096).u8.fill(2);
}

describeOn({ backend: 'type1' }, 'F17/ closing', () => {
  useBound(edu, nvme, ...pair);

  describe('a container', () => {
    test('that was never used works', async () => {
      const before = vfioDescriptors();
      await (await Container.open()).close();
      expect(vfioDescriptors()).toEqual(before);
    });

    test('while a device opens refuses that device and leaves nothing', async () => {
      const before = vfioDescriptors();
      const container = await Container.open();
      const opening = container.openDevice(nvme.address);
      const closing = container.close();
      await expect(opening).rejects.toMatchObject(closed);
      await closing;
      expect(vfioDescriptors()).toEqual(before);
      await (await openDevice(nvme.address)).close();
    });
  });

  test('is whole: no descriptor, no mapping, no locked memory stays', async () => {
    const before = [vfioDescriptors(), vfioMappings(), lockedMemory()];
    for (let round = 0; round < 3; round++) {
      const container = await Container.open();
      for (const { address } of [edu, nvme, ...pair]) {
        await use(await container.openDevice(address));
      }
      expect(vfioMappings().length).toBeGreaterThan(0);
      expect(lockedMemory()).toBeGreaterThan(0);
      await container.close();
      expect([vfioDescriptors(), vfioMappings(), lockedMemory()]).toEqual(before);
    }
  });

  // Eight of the 24 orders, in which each object is first and last. Each run must wait for the device's transfer.
  const steps = ['buffer', 'set', 'device', 'container'] as const;
  const turned = steps.map((_, by) => [...steps.slice(by), ...steps.slice(0, by)]);
  const inTurn = [...turned, ...turned.map((order) => order.toReversed())];

  test('is whole for each order of closing', async () => {
    const before = [vfioDescriptors(), vfioMappings(), lockedMemory()];
    for (const order of ordersOf(steps)) {
      const container = await Container.open();
      const device = await container.openDevice(edu.address);
      device.bar(0).read32(0);
      device.busMaster = true;
      const buffer = device.allocDma(4096);
      const set = device.enableInterrupts('msi');
      set.vector(0).on(() => {});
      const things = { buffer, set, device, container };
      const closings = order.map((step) => things[step].close());
      await Promise.all(closings);
      expect([vfioDescriptors(), vfioMappings(), lockedMemory()]).toEqual(before);
    }
  });

  test.each(inTurn.map((order) => [order.join(', '), order] as const))(
    'is whole from a callback that runs while the device writes to memory: %s',
    async (_, order) => {
      // In these orders the buffer closes before the device is quieted. On a slow machine, the IOMMU then stops the
      // transfer.
      const quiets = Math.min(order.indexOf('device'), order.indexOf('container'));
      if (order.indexOf('buffer') < quiets) expectKernelLog(/DMAR/, { optional: true });
      const before = [vfioDescriptors(), vfioMappings(), lockedMemory()];
      const container = await Container.open();
      const device = await container.openDevice(edu.address);
      device.busMaster = true;
      const buffer = device.allocDma(4096);
      const { u8 } = buffer;
      u8.fill(0x55);
      const set = device.enableInterrupts('msi');
      const things = { buffer, set, device, container };
      const model = new Edu(device);
      model.startStore(buffer.iova, 1024);
      const closed = new Promise((resolve) =>
        set.vector(0).on(() => resolve(Promise.all(order.map((step) => things[step].close())))),
      );
      model.raise(1);
      await closed;
      expect([vfioDescriptors(), vfioMappings(), lockedMemory()]).toEqual(before);
      expect(u8.every((byte) => byte === 0)).toBe(true);
      await (await openDevice(edu.address)).close();
      await sleep(120); // the kernel log gate fails the test if another fault follows
      expect(u8.every((byte) => byte === 0)).toBe(true);
    },
  );

  test('lets another process open the group at once', async () => {
    await using peer = new Peer();
    await peer.call('openDevice', edu.address);
    await peer.call('closeDevice');
    for (let round = 0; round < 3; round++) {
      const device = await openDevice(edu.address);
      await use(device);
      await device.close();
      await peer.call('openDevice', edu.address);
      await peer.call('closeDevice');
    }
  });

  test('is not held up by a program that was started meanwhile', async () => {
    const device = await openDevice(edu.address);
    await use(device);
    const program = spawn('sleep', ['60'], { stdio: 'ignore' });
    await once(program, 'spawn');
    try {
      await device.close();
      await using _holder = await Holder.of(groupNode(edu), constants.O_RDWR);
      expect(program.exitCode).toBeNull();
    } finally {
      program.kill();
      await once(program, 'exit');
    }
  });

  describe('is done by the kernel', () => {
    test('for a process that exits with everything open', async () => {
      await using peer = new Peer();
      await peer.call('openDevice', edu.address);
      await peer.call('startDma');
      await peer.call('exit');
      expect(await peer.ended).toBe(0);
      await (await openDevice(edu.address)).close();
    });

    test('for a process that forgets a device and has nothing else to do', async () => {
      await using peer = new Peer();
      await peer.call('openDevice', edu.address);
      await peer.call('allocDma', 2 ** 21);
      await peer.call('finish');
      expect(await peer.ended).toBe(0);
      await (await openDevice(edu.address)).close();
    });

    test('for a process that is killed while its device writes to memory, twice', async () => {
      // A process takes a while to start: the second starts while the first works.
      const peers = [new Peer(), new Peer()];
      for (const [round, peer] of peers.entries()) {
        await peer.call('openDevice', edu.address);
        await peer.call('startDma');
        await sleep(round * 30);
        await peer.kill('SIGKILL');
        await using device = await openDevice(edu.address);
        expect(new Edu(device).identification).toBe(eduIdentification);
        expect(device.busMaster).toBe(false);
      }
      await using device = await openDevice(edu.address);
      const hardware = new Edu(device);
      // edu has no reset, so the transfer of the killed process may still be due. With bus master off it goes nowhere;
      // later it would write to this process's buffer, which has the same IOVA.
      await hardware.idle();
      device.busMaster = true;
      const buffer = device.allocDma(4096);
      buffer.u8.fill(0x44, 0, 512);
      await hardware.load(buffer.iova, 512);
      await hardware.store(buffer.iova + 1024n, 512);
      expect(buffer.u8.slice(1024, 1536).every((byte) => byte === 0x44)).toBe(true);
    });
  });

  test('and opening again, twenty times, takes nothing along', async () => {
    const before = [vfioDescriptors(), vfioMappings(), lockedMemory()];
    for (let round = 0; round < 20; round++) {
      const device = await openDevice(edu.address);
      await use(device);
      await device.close();
    }
    expect([vfioDescriptors(), vfioMappings(), lockedMemory()]).toEqual(before);
  });
});
