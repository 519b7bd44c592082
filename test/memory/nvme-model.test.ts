// SPDX-License-Identifier: MIT
// The driver on the NVMe model, through the library and the memory back end: what it does, and how it meets each fault.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import {
  MemoryStorage,
  type NvmeFault,
  type NvmeModelOptions,
} from '../../lib/models/nvme/index.js';
import { Controller, type ControllerOptions, type QueueLoan } from '../../lib/nvme/index.js';
import { pattern } from '../support/model-driver.js';
import { type Interrupts, type ModelledDevice, openModelledDevice } from '../support/nvme-model.js';
import { patience } from '../support/patience.js';
import { turn } from '../support/turn.js';
import { until } from '../support/until.js';
import { withCode } from './support.js';

const BLOCKS = 8192;
const PAGE = 4096;
const CSTS = 0x1c;
/** In milliseconds: long enough for a busy machine, and the time that a lost completion costs. */
const COMMAND_TIMEOUT = 250 * patience;
const READ_OPCODE = 2;
const RESETS = 24;

let medium: MemoryStorage;
let modelled: ModelledDevice;
let controller: Controller;

async function openDevice(options: NvmeModelOptions = {}, interrupts?: Interrupts): Promise<void> {
  medium = new MemoryStorage(BLOCKS * 512);
  modelled = await openModelledDevice(
    { namespaces: [{ storage: medium }], ...options },
    interrupts,
  );
}

async function openController(options: ControllerOptions = {}): Promise<void> {
  controller = await Controller.open(modelled.device, {
    commandTimeout: COMMAND_TIMEOUT,
    ...options,
  });
}

afterEach(() => modelled.close());

/** DMA memory with a pattern in it. */
function filled(pages: number, seed = 0) {
  const memory = modelled.device.allocDma(pages * PAGE);
  memory.u8.set(pattern(pages * PAGE, seed));
  return memory;
}

function reading(lba = 0): Promise<void> {
  return controller.namespace().read(lba, modelled.device.allocDma(PAGE));
}

const WORKER_BLOCKS = 256;

/** Lends queue `id` to a worker, which fills its half of some blocks with that number, and reads each of them back. */
async function startWorker(id: number): Promise<[Worker, QueueLoan]> {
  const loan = await controller.lendQueue(id, 512);
  const source = `
    import { parentPort, workerData } from 'node:worker_threads';
    import { borrowQueue } from 'vfio/nvme';
    const { namespace, data } = borrowQueue(workerData.offer);
    for (let block = 0; block < ${WORKER_BLOCKS}; block++) {
      data.u8.fill(workerData.offer.id);
      await namespace.write(workerData.from + block, data, 0, 512);
      data.u8.fill(0);
      await namespace.read(workerData.from + block, data, 0, 512);
      if (data.u8[511] !== workerData.offer.id) throw new Error('block ' + block + ' has other data');
    }
    parentPort.postMessage('done');`;
  const workerData = { offer: loan.offer, from: (id - 2) * WORKER_BLOCKS };
  const worker = new Worker(source, { eval: true, workerData, execArgv: ['--input-type=module'] });
  return [worker, loan];
}

describe.each<[string, Interrupts]>([
  ['msix', { msix: 4 }],
  ['msi', { msi: 4 }],
  ['msi, one vector', { msi: 1 }],
  ['intx', { intx: 1 }],
])('with %s the driver', (_, interrupts) => {
  test('opens, identifies, writes, reads, flushes and shuts down', async () => {
    await openDevice({}, interrupts);
    await openController();
    expect(controller.identity).toMatchObject({ sn: 'MODEL0001', mn: 'NVMe model', mdts: 5 });
    const namespace = controller.namespace();
    expect(namespace).toMatchObject({ nsid: 1, blockBytes: 512, bytes: BigInt(BLOCKS * 512) });
    // More than MDTS: it takes three commands, with PRP lists.
    const memory = filled(75, 3);
    await namespace.write(17, memory);
    expect(Buffer.compare(medium.read(17 * 512, memory.byteLength), memory.u8)).toBe(0);
    const back = modelled.device.allocDma(memory.byteLength);
    await namespace.read(17, back);
    expect(Buffer.compare(back.u8, memory.u8)).toBe(0);
    await namespace.flush();
    expect(medium.flushes).toBe(1);
    await controller.close();
    expect(medium.flushes).toBe(2);
    await until(() => modelled.model.read32(CSTS) === 0);
    expect(modelled.machine.counts().dmaFaults).toBe(0);
  });
});

describe('the driver', () => {
  afterEach(() => controller.close());

  test('fills its queues and waits for room', async () => {
    await openDevice();
    await openController({ queueEntries: 4 });
    const memory = filled(16);
    const writes = Array.from({ length: 64 }, (_, index) =>
      controller.namespace().write(index * 8, memory, (index % 16) * PAGE, PAGE),
    );
    await Promise.all(writes);
    for (let index = 0; index < 64; index++) {
      const at = (index % 16) * PAGE;
      const expected = memory.u8.subarray(at, at + PAGE);
      expect(Buffer.compare(medium.read(index * PAGE, PAGE), expected)).toBe(0);
    }
    expect(controller.io.queue.unknown).toBe(0);
  });

  test('compares, writes zeros and deallocates, as the medium shows', async () => {
    await openDevice();
    await openController();
    const namespace = controller.namespace();
    const memory = filled(4, 7);
    await namespace.write(8, memory);
    await namespace.compare(8, memory);
    await namespace.writeZeroes(9, 2);
    const expected = Buffer.from(memory.u8).fill(0, 512, 3 * 512);
    expect(Buffer.compare(medium.read(8 * 512, expected.length), expected)).toBe(0);
    await expect(namespace.compare(8, memory)).rejects.toMatchObject({
      statusName: 'Compare Failure',
    });
    await namespace.deallocate([{ lba: 11, blocks: 1 }]);
    expect(medium.read(12 * 512, 512).every((byte, at) => byte === expected[4 * 512 + at])).toBe(
      true,
    );
    expect(modelled.machine.counts().dmaFaults).toBe(0);
  });

  test('lends queues to workers, which write and read at the same time', async () => {
    await openDevice();
    await openController({ lentQueues: 2 });
    const workers = await Promise.all([2, 3].map((id) => startWorker(id)));
    await Promise.all(workers.map(([worker]) => once(worker, 'message')));
    for (const [worker, loan] of workers) {
      await loan.end();
      await worker.terminate();
    }
    for (let block = 0; block < WORKER_BLOCKS; block++) {
      expect([medium.data[block * 512], medium.data[(block + WORKER_BLOCKS) * 512]]).toEqual([
        2, 3,
      ]);
    }
    expect(modelled.machine.counts().dmaFaults).toBe(0);
  });

  test.each([
    ['the controller', () => controller.reset()],
    [
      'the function',
      async () => {
        await modelled.device.reset();
        await controller.reset();
      },
    ],
  ])('settles every command when %s is reset under I/O, and works then', async (_, reset) => {
    await openDevice();
    await openController();
    const memory = filled(32);
    for (let round = 0; round < RESETS; round++) {
      const writes = Array.from({ length: 32 }, (_, page) =>
        controller.namespace().write(page * 8, memory, page * PAGE, PAGE),
      );
      const settled = Promise.allSettled(writes);
      for (let turns = round % 8; turns > 0; turns--) await turn();
      await reset();
      for (const write of await settled) {
        if (write.status === 'rejected') expect(write.reason.code).toMatch(/^ERR_NVME_|^ERR_VFIO_/);
      }
      await controller.namespace().write(0, memory);
      expect(Buffer.compare(medium.read(0, memory.byteLength), memory.u8)).toBe(0);
      medium.data.fill(0, 0, memory.byteLength);
    }
    expect(modelled.machine.counts().dmaFaults).toBe(0);
  });

  test.each([
    ['another stride of doorbells', { doorbellStride: 2 }],
    ['small rings', { queueEntries: 2 }],
    ['blocks of 4 KiB', { namespaces: [{ blockBytes: 4096, blocks: 16 }] }],
  ])('works with %s', async (_, options) => {
    await openDevice(options);
    await openController();
    await Promise.all([reading(0), reading(1), reading(2)]);
  });

  test('works after its device was reset', async () => {
    await openDevice();
    await openController();
    await modelled.device.reset();
    await expect(reading()).rejects.toMatchObject({ code: 'ERR_NVME_FATAL' });
    await controller.reset();
    await reading();
  });

  test.each([
    ['went', () => void modelled.model.namespaces.remove(1), 'Invalid Field in Command'],
    ['shrank', () => modelled.model.namespaces.resize(1, 8), 'LBA Out of Range'],
  ])('says that a namespace %s', async (_, change, statusName) => {
    await openDevice();
    await openController();
    change();
    const failure = { code: 'ERR_NVME_STATUS', statusName, doNotRetry: true };
    await expect(reading(8)).rejects.toMatchObject(failure);
  });

  test('refuses a namespace with metadata', async () => {
    await openDevice({ namespaces: [{ blocks: 64, metadataBytes: 8 }] });
    await openController();
    await expect(reading()).rejects.toThrow(withCode('ERR_NVME_UNSUPPORTED'));
  });
});

describe('F7/ the driver, of a read that meets a fault,', () => {
  let warned: jest.SpiedFunction<typeof process.emitWarning>;

  beforeEach(async () => {
    warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    await openDevice();
    medium.write(0, pattern(PAGE));
    await openController();
  });
  afterEach(async () => {
    // A controller that is gone cannot be shut down, and says so.
    await controller.close().catch(() => {});
    warned.mockRestore();
  });

  const onRead = { kind: 'io', opcode: READ_OPCODE } as const;

  /** Reads the first page, and returns whether it is there. */
  async function readsPage(): Promise<boolean> {
    const memory = modelled.device.allocDma(PAGE);
    await controller.namespace().read(0, memory);
    return Buffer.compare(memory.u8, pattern(PAGE)) === 0;
  }

  test.each<[string, NvmeFault, unknown: number]>([
    ['late', { fault: 'late', ms: 20, on: onRead }, 0],
    ['duplicated', { fault: 'duplicated', on: onRead }, 1],
    ['silent', { fault: 'silent', on: onRead }, 0],
  ])('%s, resolves it', async (_, fault, unknown) => {
    await modelled.model.inject(fault);
    expect(await readsPage()).toBe(true);
    expect(await readsPage()).toBe(true);
    expect(controller.io.queue.unknown).toBe(unknown);
  });

  test('silent, warns that an interrupt was lost', async () => {
    await modelled.model.inject({ fault: 'silent', on: onRead });
    await readsPage();
    const code = expect.objectContaining({ code: 'NVME_INTERRUPT_LOST' });
    expect(warned).toHaveBeenCalledWith(expect.stringContaining('queue 1'), code);
  });

  test('reordered, resolves both', async () => {
    await modelled.model.inject({ fault: 'reordered', on: onRead });
    expect(await Promise.all([readsPage(), readsPage()])).toEqual([true, true]);
  });

  test('status, rejects with its name', async () => {
    await modelled.model.inject({ fault: 'status', status: 0x281, on: onRead });
    const failure = { statusName: 'Unrecovered Read Error', doNotRetry: false };
    await expect(readsPage()).rejects.toMatchObject({ code: 'ERR_NVME_STATUS', ...failure });
    expect(await readsPage()).toBe(true);
  });

  test.each<[string, NvmeFault, unknown: number]>([
    ['late, past the time limit', { fault: 'late', ms: 60_000, on: onRead }, 0],
    ['lost', { fault: 'lost', on: onRead }, 0],
    ['hung', { fault: 'hung', on: onRead }, 0],
    ['wrong-id', { fault: 'wrong-id', on: onRead }, 1],
    ['wrong-queue', { fault: 'wrong-queue', queue: 0, on: onRead }, 0],
    ['fatal', { fault: 'fatal', on: onRead }, 0],
  ])('%s, rejects after the time limit, and a reset recovers', async (_, fault, unknown) => {
    const { queue } = controller.io;
    await modelled.model.inject(fault);
    const started = performance.now();
    await expect(readsPage()).rejects.toMatchObject({ code: 'ERR_NVME_TIMEOUT' });
    expect(performance.now() - started).toBeGreaterThanOrEqual(COMMAND_TIMEOUT - 1);
    expect(queue.unknown).toBe(unknown);
    await expect(readsPage()).rejects.toMatchObject({ code: 'ERR_NVME_TIMEOUT' });
    await controller.reset();
    expect(await readsPage()).toBe(true);
  });

  test('removed, rejects after the time limit, and a reset says that the device is gone', async () => {
    await modelled.model.inject({ fault: 'removed', on: onRead });
    await expect(readsPage()).rejects.toMatchObject({ code: 'ERR_NVME_TIMEOUT' });
    await expect(controller.reset()).rejects.toMatchObject({ code: 'ERR_NVME_FATAL' });
  });

  test('all-ones, rejects after the time limit, and a reset recovers once the device answers', async () => {
    const outage = await modelled.model.inject({ fault: 'all-ones' });
    // Only now do the registers in memory read all ones.
    modelled.service();
    await expect(readsPage()).rejects.toMatchObject({ code: 'ERR_NVME_TIMEOUT' });
    await expect(controller.reset()).rejects.toMatchObject({ code: 'ERR_NVME_FATAL' });
    outage.cancel();
    modelled.service();
    await controller.reset();
    expect(await readsPage()).toBe(true);
  });

  test('removed, rejects at once if the kernel reports it', async () => {
    await modelled.model.inject({ fault: 'hung', on: onRead });
    const read = readsPage();
    await modelled.model.inject({ fault: 'removed' });
    modelled.hardware.lose();
    await expect(read).rejects.toMatchObject({ code: 'ERR_NVME_FATAL' });
  });
});

describe('F7/ a controller that is stuck', () => {
  beforeEach(() => openDevice({ shutdownLatency: 50_000 * patience }));

  test('enabling, rejects open after CAP.TO', async () => {
    await modelled.model.inject({ fault: 'stuck', during: 'enable' });
    await expect(openController()).rejects.toMatchObject({
      code: 'ERR_NVME_TIMEOUT',
      message: expect.stringContaining('The controller did not become ready within 500 ms'),
    });
  });

  test('enabling for a while, opens', async () => {
    await modelled.model.inject({ fault: 'stuck', during: 'enable', ms: 50 });
    await openController();
    await controller.close();
  });

  test('with an admin command, rejects open after the time limit', async () => {
    await modelled.model.inject({ fault: 'hung', on: { kind: 'admin' }, nth: 2 });
    await expect(openController()).rejects.toMatchObject({ code: 'ERR_NVME_TIMEOUT' });
  });

  test('disabling, is recovered by the reset of the function after CAP.TO', async () => {
    await openController();
    const fault = await modelled.model.inject({ fault: 'stuck', during: 'disable' });
    const resets = jest.spyOn(modelled.device, 'reset');
    await controller.reset();
    expect([fault.hits, resets.mock.calls.length]).toEqual([1, 1]);
    await reading();
    await controller.close();
  });

  test('shutting down, rejects close after RTD3E', async () => {
    await openController();
    await modelled.model.inject({ fault: 'stuck', during: 'shutdown' });
    await expect(controller.close()).rejects.toMatchObject({ code: 'ERR_NVME_TIMEOUT' });
  });
});
