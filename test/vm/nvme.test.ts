// SPDX-License-Identifier: MIT
// The NVMe driver of examples/nvme/ on QEMU's controller.
import { randomBytes, randomFillSync, randomInt } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Cns, createCompletionQueue } from '../../lib/nvme/commands.js';
import { Controller, type ControllerOptions } from '../../lib/nvme/controller.js';
import type { Namespace } from '../../lib/nvme/namespace.js';
import { SHST_COMPLETE } from '../../lib/nvme/registers.js';
import { type Binding, bindDevice, type Device, openDevice } from '../../lib/index.js';
import { nvme } from '../../vm/devices.js';
import { throttle } from '../../vm/host.js';
import { describeOn } from '../support/subject.js';

const DISK_BYTES = 2 ** 30;
const BLOCK = 512;

describeOn({ backend: 'type1', device: 'nvme' }, 'nvme', () => {
  let binding: Binding;
  let device: Device;

  beforeAll(async () => {
    binding = await bindDevice(nvme.address);
    device = await openDevice(nvme.address);
  });

  afterAll(async () => {
    await device.close();
    await binding.restore();
  });

  describe('an open controller', () => {
    let controller: Controller;
    let namespace: Namespace;

    beforeAll(async () => {
      controller = await Controller.open(device);
      namespace = controller.namespace();
    });

    afterEach(() => {
      expect(controller.io.queue.inFlight).toBe(0);
      expect(controller.io.queue.unknown).toBe(0);
    });

    afterAll(() => controller.close());

    test('shows what QEMU was given in its registers', () => {
      const { registers } = controller;
      expect(registers.VS.MJR).toBe(1);
      expect(registers.VS.MNR).toBe(4);
      expect(registers.CAP.CSS & 1).toBe(1);
      expect(registers.CC.EN).toBe(1);
      expect(registers.CSTS.RDY).toBe(1);
      expect(registers.CSTS.CFS).toBe(0);
    });

    test('identifies itself as QEMU was told', () => {
      expect(controller.identity).toMatchObject({
        vid: nvme.vendor,
        sn: 'vfio-nvme-0',
        mn: 'QEMU NVMe Ctrl',
        sqes: 0x66,
        cqes: 0x44,
        ver: 0x0001_0400,
        subnqn: 'nqn.2019-08.org.qemu:vfio-nvme-0',
      });
      expect(controller.identity.mdts).toBe(7);
      expect(namespace.maxTransferBytes).toBe(512 * 1024);
    });

    test('has one namespace, of the size of the disk', () => {
      expect(controller.namespaces.map(({ nsid }) => nsid)).toEqual([1]);
      expect(namespace.blockBytes).toBe(BLOCK);
      expect(namespace.bytes).toBe(BigInt(DISK_BYTES));
      expect(() => controller.namespace(2)).toThrow(RangeError);
    });

    describe('reads what was written', () => {
      // Number of blocks, and offset in the memory: PRP1 alone, PRP2, a list; aligned and not; several commands.
      test.each([
        [1, 0],
        [1, 4092],
        [8, 0],
        [8, 512],
        [9, 0],
        [16, 4],
        [17, 1024],
        [100, 20],
        [1024, 0],
        [1024, 4],
        [1025, 0],
        [3000, 3072],
      ])('%i blocks at offset %i', async (blocks, offset) => {
        const bytes = blocks * BLOCK;
        const size = Math.ceil((bytes + offset) / 4096 + 1) * 4096;
        using sent = device.allocDma(size);
        using received = device.allocDma(size);
        randomFillSync(sent.u8);
        received.u8.fill(0xa5);
        const lba = randomInt(DISK_BYTES / BLOCK - blocks);
        await namespace.write(lba, sent, offset, bytes);
        await namespace.read(lba, received, offset, bytes);
        const expected = Buffer.alloc(size, 0xa5);
        expected.set(sent.u8.subarray(offset, offset + bytes), offset);
        expect(Buffer.compare(received.u8, expected)).toBe(0);
      });

      test('at the first and at the last block', async () => {
        using memory = device.allocDma(4096);
        for (const lba of [0, DISK_BYTES / BLOCK - 1]) {
          const pattern = randomBytes(BLOCK);
          memory.copyFrom(pattern);
          await namespace.write(lba, memory, 0, BLOCK);
          memory.u8.fill(0);
          await namespace.read(lba, memory, 0, BLOCK);
          expect(Buffer.compare(memory.u8.subarray(0, BLOCK), pattern)).toBe(0);
        }
      });

      test('with every block stamped with its number', async () => {
        const blocks = 2048;
        const first = randomInt(DISK_BYTES / BLOCK - blocks);
        using memory = device.allocDma(blocks * BLOCK);
        for (let i = 0; i < blocks; i++) memory.u32[(i * BLOCK) / 4] = first + i;
        await namespace.write(first, memory);
        memory.u8.fill(0);
        await namespace.read(first, memory);
        const stamps = Array.from({ length: blocks }, (_, i) => memory.u32[(i * BLOCK) / 4]);
        expect(stamps).toEqual(Array.from({ length: blocks }, (_, i) => first + i));
      });

      test('after a flush', async () => {
        using memory = device.allocDma(4096);
        randomFillSync(memory.u8);
        const before = Buffer.from(memory.u8);
        await namespace.write(77, memory);
        await namespace.flush();
        memory.u8.fill(0);
        await namespace.read(77, memory);
        expect(Buffer.compare(memory.u8, before)).toBe(0);
      });
    });

    describe('says what is wrong with', () => {
      test('a block past the end', async () => {
        using memory = device.allocDma(4096);
        await expect(namespace.read(DISK_BYTES / BLOCK, memory)).rejects.toThrow(
          '8 blocks at LBA 2097152 end beyond namespace 1, which has 2097152 blocks',
        );
        await expect(namespace.write(2 ** 40, memory)).rejects.toThrow(RangeError);
        // The controller says the same of a command that the driver does not check.
        const opcode = 0x02;
        const beyond = { opcode, nsid: 1, cdw10: DISK_BYTES / BLOCK, cdw12: 7, data: memory };
        await expect(controller.command(beyond)).rejects.toMatchObject({
          code: 'ERR_NVME_STATUS',
          statusName: 'LBA Out of Range',
        });
      });

      test('an opcode it does not know', async () => {
        const failure = { code: 'ERR_NVME_STATUS', statusName: 'Invalid Command Opcode' };
        await expect(controller.command({ opcode: 0x7f, nsid: 1 })).rejects.toMatchObject(failure);
        await expect(controller.admin({ opcode: 0x7f })).rejects.toMatchObject(failure);
      });

      test('a namespace it does not have', async () => {
        await expect(controller.command({ opcode: 0x00, nsid: 9999 })).rejects.toMatchObject({
          statusName: 'Invalid Namespace or Format',
        });
      });

      test('a queue that exists', async () => {
        using memory = device.allocDma(4096);
        const again = controller.admin(createCompletionQueue(1, 16, 1, memory));
        await expect(again).rejects.toMatchObject({ statusName: 'Invalid Queue Identifier' });
      });

      test('a command out of its order', async () => {
        // The number of queues cannot change once the first queue exists (5.27.1.5).
        await expect(controller.features.set('NUMBER_OF_QUEUES', {})).rejects.toMatchObject({
          statusName: 'Command Sequence Error',
        });
      });

      test('and works on', async () => {
        using memory = device.allocDma(4096);
        await namespace.read(0, memory);
        expect((await controller.identify.page(Cns.CONTROLLER)).length).toBe(4096);
      });
    });

    test('counts its interrupts', async () => {
      const before = controller.interrupts;
      using memory = device.allocDma(4096);
      for (let i = 0; i < 10; i++) await namespace.read(i, memory);
      // One command at a time, so each has its own interrupt.
      expect(controller.interrupts - before).toBe(10);
    });

    test('keeps a full queue busy over many turns of the rings, by callbacks', async () => {
      const commands = 1000;
      const slots = controller.io.queue.entries - 1;
      using memory = device.allocDma(slots * 4096);
      let submitted = 0;
      let failed = 0;
      let ended = 0;
      await new Promise<void>((resolve) => {
        const fill = () => {
          while (namespace.room > 0 && submitted < commands) {
            const slot = submitted % slots;
            namespace.submitRead(submitted++ * 8, memory, slot * 4096, 4096, done);
          }
          namespace.ring();
        };
        const done = (status: number) => {
          if (status !== 0) failed++;
          if (++ended === commands) resolve();
          else fill();
        };
        fill();
      });
      expect([submitted, ended, failed]).toEqual([commands, commands, 0]);
    });

    test('carries many transfers at once without mixing them up', async () => {
      const count = 150;
      const bytes = 8192;
      using memory = device.allocDma(count * bytes);
      for (let i = 0; i < count; i++) memory.u8.fill(i, i * bytes, (i + 1) * bytes);
      const all = Array.from({ length: count }, (_, i) => i);
      await Promise.all(all.map((i) => namespace.write(i * 16, memory, i * bytes, bytes)));
      memory.u8.fill(0xff);
      await Promise.all(all.map((i) => namespace.read(i * 16, memory, i * bytes, bytes)));
      for (const i of all) {
        const piece = memory.u8.subarray(i * bytes, (i + 1) * bytes);
        expect(Buffer.compare(piece, Buffer.alloc(bytes, i))).toBe(0);
      }
    });

    test('can be reset and used again', async () => {
      using memory = device.allocDma(4096);
      randomFillSync(memory.u8);
      const before = Buffer.from(memory.u8);
      await namespace.write(1234, memory);
      for (let round = 0; round < 3; round++) {
        await controller.reset();
        expect(controller.namespace()).toBe(namespace);
        memory.u8.fill(0);
        await namespace.read(1234, memory);
        expect(Buffer.compare(memory.u8, before)).toBe(0);
      }
    });

    test('ends commands in flight when it is reset', async () => {
      using memory = device.allocDma(8 * 4096);
      // On a slow disk, most of the eight reads are still in flight when the reset comes.
      await throttle(nvme.id, { operationsPerSecond: 4 });
      try {
        const reads = Array.from({ length: 8 }, (_, i) =>
          namespace.read(i, memory, i * 4096, 4096),
        );
        const outcomes = Promise.allSettled(reads);
        await controller.reset();
        const reasons = (await outcomes)
          .filter((outcome) => outcome.status === 'rejected')
          .map(({ reason }) => reason as Error);
        expect(reasons.length).toBeGreaterThan(0);
        for (const reason of reasons) {
          expect(reason).toMatchObject({ statusName: 'Command Aborted By Host' });
        }
      } finally {
        await throttle(nvme.id, {});
      }
      await namespace.read(0, memory);
    });
  });

  describe('from open to close', () => {
    async function withController(
      use: (controller: Controller) => Promise<void>,
      options: ControllerOptions = {},
    ): Promise<void> {
      await using controller = await Controller.open(device, options);
      await use(controller);
    }

    test('a second open finds a controller in order', async () => {
      using memory = device.allocDma(4096);
      for (let round = 0; round < 3; round++) {
        await withController((controller) => controller.namespace().read(0, memory));
      }
    });

    test('shuts down in order', () =>
      withController(async (controller) => {
        await controller.shutdown();
        expect(controller.registers.CSTS.SHST).toBe(SHST_COMPLETE);
        expect(() => controller.io).toThrow(expect.objectContaining({ code: 'ERR_NVME_CLOSED' }));
      }));

    test('is disabled and off the bus after close', async () => {
      const controller = await Controller.open(device);
      const closed = controller.close();
      expect(controller.close()).toBe(closed);
      await closed;
      expect(controller.registers.CC.EN).toBe(0);
      expect(controller.registers.CSTS.RDY).toBe(0);
      expect(device.busMaster).toBe(false);
    });

    test('takes no commands after close', async () => {
      using memory = device.allocDma(4096);
      const controller = await Controller.open(device);
      const namespace = controller.namespace();
      await controller.close();
      const closed = { code: 'ERR_NVME_CLOSED' };
      await expect(namespace.read(0, memory)).rejects.toMatchObject(closed);
      await expect(controller.admin({ opcode: 6 })).rejects.toMatchObject(closed);
      await expect(controller.reset()).rejects.toMatchObject(closed);
    });

    test('close waits for a reset that is under way', async () => {
      const controller = await Controller.open(device);
      const reset = controller.reset();
      await controller.close();
      await reset;
      expect(controller.registers.CC.EN).toBe(0);
    });

    test('close waits for the commands in flight', async () => {
      using memory = device.allocDma(2 ** 20);
      const controller = await Controller.open(device);
      const reading = controller.namespace().read(0, memory);
      await Promise.resolve();
      await controller.close();
      await reading;
    });

    test('works with a queue of two slots', () =>
      withController(
        async (controller) => {
          using memory = device.allocDma(64 * 1024);
          const namespace = controller.namespace();
          expect(namespace.room).toBe(1);
          await Promise.all([namespace.read(0, memory), namespace.read(99, memory)]);
        },
        { queueEntries: 2 },
      ));

    test('splits transfers to the size it was given', () =>
      withController(
        async (controller) => {
          using memory = device.allocDma(64 * 1024);
          const namespace = controller.namespace();
          expect(namespace.maxTransferBytes).toBe(4096);
          randomFillSync(memory.u8);
          const before = Buffer.from(memory.u8);
          await namespace.write(5000, memory);
          memory.u8.fill(0);
          await namespace.read(5000, memory);
          expect(Buffer.compare(memory.u8, before)).toBe(0);
        },
        { maxTransferBytes: 4096 },
      ));

    test('a reset of the device ends the controller, which can be opened again', async () => {
      using memory = device.allocDma(4096);
      const controller = await Controller.open(device);
      await device.reset();
      const gone = { code: 'ERR_NVME_FATAL', message: expect.stringContaining('was reset') };
      await expect(controller.namespace().read(0, memory)).rejects.toMatchObject(gone);
      await controller.close();
      await withController((again) => again.namespace().read(0, memory));
    });

    test('a failed controller is opened again by its own reset', async () => {
      using memory = device.allocDma(4096);
      await withController(async (controller) => {
        await device.reset();
        await controller.reset();
        await controller.namespace().read(0, memory);
      });
    });

    test('a command without an answer fails the controller', () =>
      withController(
        async (controller) => {
          using memory = device.allocDma(4096);
          // Without bus master, the controller can neither fetch a command nor answer.
          device.busMaster = false;
          await expect(controller.namespace().read(0, memory)).rejects.toMatchObject({
            code: 'ERR_NVME_TIMEOUT',
            message: expect.stringContaining('no completion on queue 1 for 400 ms'),
          });
          await controller.reset();
          await controller.namespace().read(0, memory);
        },
        { commandTimeout: 400 },
      ));
  });
});
