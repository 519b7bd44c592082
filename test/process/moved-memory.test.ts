// SPDX-License-Identifier: MIT
// DMA memory whose ArrayBuffer was moved to another thread stays mapped when the thread that made it ends. Node 20
// cannot move it (ArrayBuffer.prototype.transfer() came with Node 22), so there the worker posts a copy.
import { describe, expect, test } from '@jest/globals';
import { outputOf } from './support.js';

/** VFIO_TEST_MOVES sets more, such as a thousand, when there is time for them. */
const rounds = Number(process.env.VFIO_TEST_MOVES ?? 3);

/** The number of mappings that V8 itself may add or remove. */
const NOISE = 500;

const prelude = `
  const mappings = () => fs.readFileSync('/proc/self/maps', 'utf8').split('\\n').length;
  /** Writes and reads every byte. */
  const touch = (memory) => {
    const view = new Uint8Array(memory);
    const value = (view[5] + 1) % 256;
    if (!view.fill(value).every((byte) => byte === value)) throw new Error('It does not hold a value');
  };
`;

const move = `
  const moved = buffer.buffer.transfer?.() ?? buffer.buffer.slice();
  parentPort.postMessage(moved, [moved]);
`;

/** The last steps of the worker, after it moved the memory. The main thread then terminates it. */
const endings = {
  'by return': '',
  'by terminate()': "await once(parentPort, 'message');",
  'after it closed the device': 'await device.close();',
  'after it closed the buffer': 'buffer.close();',
};

const succeeds = (body: string) => outputOf(`${prelude}${body}`);

describe('F12/ memory that was moved to another thread', () => {
  test.concurrent.each(Object.entries(endings))(
    'is there when its worker has ended %s, and costs one mapping',
    async (_, end) => {
      const grown = await succeeds(`
        const moved = [];
        const before = mappings();
        for (let round = 0; round < ${rounds}; round++) {
          const worker = startWorker(\`
            joinMachine(workerData);
            const device = await openDevice(address);
            const buffer = device.allocDma(65536);
            ${move}
            ${end}
          \`, machine.id);
          const [memory] = await once(worker, 'message');
          await worker.terminate();
          await until(() => isFree(machine));
          touch(memory);
          moved.push(memory);
        }
        for (const memory of moved) touch(memory);
        console.log(mappings() - before);
      `);
      expect(Number(grown)).toBeLessThan(rounds + NOISE);
    },
  );

  test.concurrent('is there also when garbage was collected before it moved', async () => {
    await succeeds(`
      for (let round = 0; round < ${rounds}; round++) {
        const worker = startWorker(\`
          const { setFlagsFromString } = await import('node:v8');
          const { runInNewContext } = await import('node:vm');
          setFlagsFromString('--expose-gc');
          const collect = runInNewContext('gc');
          joinMachine(workerData);
          const device = await openDevice(address);
          const buffer = device.allocDma(65536);
          buffer.u8[0] = 1;
          for (let turn = 0; turn < 3; turn++) {
            collect();
            await sleep(5);
          }
          ${move}
        \`, machine.id);
        const end = ended(worker);
        const [memory] = await once(worker, 'message');
        await end;
        await until(() => isFree(machine));
        touch(memory);
      }
    `);
  });

  test.concurrent('is the only memory that stays: what was not moved goes with its worker', async () => {
    const grown = await succeeds(`
      const megabytes = () => Number(/VmSize:\\s+(\\d+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
      const workers = async (count) => {
        for (let round = 0; round < count; round++) {
          await ended(startWorker(\`
            joinMachine(workerData);
            const device = await openDevice(address);
            for (let i = 0; i < 50; i++) device.allocDma(2 ** 20).u8[0] = 1;
          \`, machine.id));
          await until(() => isFree(machine));
        }
      };
      // Two workers first, because V8 and the C library keep some resources of their first threads.
      await workers(2);
      const before = megabytes();
      await workers(5);
      console.log(megabytes() - before);
    `);
    expect(Number(grown)).toBeLessThan(100);
  });

  test.concurrent('is there when the worker that adopted it has ended, and its owner closed it', async () => {
    const stdout = await succeeds(`
      const device = await openDevice(address);
      for (let round = 0; round < ${rounds}; round++) {
        const owned = device.allocDma(65536);
        const grant = device.grant({ memory: [owned] });
        const worker = startWorker(\`
          globalThis.adopted = adopt(workerData);
          const [buffer] = adopted.memory;
          ${move}
        \`, grant.token);
        const end = ended(worker);
        const [memory] = await once(worker, 'message');
        await end;
        touch(memory);
        owned.close();
        touch(memory);
      }
      await device.close();
      console.log(isFree(machine));
    `);
    expect(stdout).toBe('true');
  });

  test.concurrent('is there also if it was a view of a region', async () => {
    const stdout = await succeeds(`
      const shared = useMachine({ address, group: 1, bars: [{ size: 65536, prefetchable: true }] });
      for (let round = 0; round < ${rounds}; round++) {
        const worker = startWorker(\`
          joinMachine(workerData);
          const device = await openDevice(address);
          const { buffer } = device.bar(0).inexactView().fill(1);
          const moved = buffer.transfer?.() ?? buffer.slice(); // Node 20 can only copy it
          parentPort.postMessage(moved, [moved]);
        \`, shared.id);
        const end = ended(worker);
        const [memory] = await once(worker, 'message');
        await end;
        await until(() => isFree(shared));
        touch(memory);
        if (shared.device(address).peek(0, 0) !== 0x01010101) throw new Error('It reaches the device');
      }
      console.log('ended');
    `);
    expect(stdout).toBe('ended');
  });
});
