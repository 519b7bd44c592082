// SPDX-License-Identifier: MIT
// DMA memory that is closed while it is used. A mistake would be a crash, so each case has a process of its own.
import { describe, expect, test } from '@jest/globals';
import { everythingOpen, outputOf } from './support.js';

/** The ways to close the memory: in this turn of the event loop, or in a later turn, after the container's devices. */
const closings = { owner: 'buffer.close()', container: 'container.close()' };

describe.each(Object.entries(closings))('F1/ memory closed by its %s', (closer, close) => {
  test.concurrent('under crypto, zlib and files that work on it', async () => {
    const stdout = await outputOf(`
      import { randomFill } from 'node:crypto';
      import { deflate, inflate, gzip } from 'node:zlib';
      ${everythingOpen}
      const { u8 } = buffer;
      const tasks = [
        ...[1, 2, 3].map(() => new Promise((done) => randomFill(u8, done))),
        ...[deflate, gzip, inflate].map((work) => new Promise((done) => work(u8, done))),
        new Promise((done) => fs.read(fs.openSync('/dev/zero'), u8, 0, u8.length, 0, done)),
        new Promise((done) => fs.write(fs.openSync('/dev/null', 'w'), u8, done)),
        new Promise((done) => fs.readv(fs.openSync('/dev/zero'), [u8, u8], 0, done)),
        fs.promises.writeFile('/dev/null', u8),
      ];
      await new Promise(setImmediate);
      await ${close};
      await Promise.all(tasks);
      await container.close();
      console.log(tasks.length, isFree(machine));
    `);
    expect(stdout).toBe('10 true');
  });

  test.concurrent('under an optimised loop in this thread, between two rounds of it and within one', async () => {
    const stdout = await outputOf(`
      ${everythingOpen}
      const { u32 } = buffer;
      let closing;
      function sum(view, at, hook) {
        let total = 0;
        for (let i = 0; i < view.length; i++) {
          if (i === at) hook();
          total += view[i];
          view[i] = total & 1;
        }
        return total;
      }
      for (let i = 0; i < 30; i++) sum(u32, -1, () => {});
      u32.fill(1);
      const half = sum(u32, u32.length / 2, () => { closing = ${close}; });
      await closing;
      const rest = sum(u32, -1, () => {});
      u32.fill(0);
      await container.close();
      console.log(half / u32.length, rest, sum(u32, -1, () => {}));
    `);
    expect(stdout).toBe(closer === 'container' ? '1 0 0' : '0.5 0 0');
  });

  test.concurrent('under an optimised loop in another thread, which was granted it', async () => {
    const stdout = await outputOf(`
      ${everythingOpen}
      const flags = new Int32Array(new SharedArrayBuffer(8));
      const grant = device.grant({ memory: [buffer] });
      const worker = startWorker(\`
        const adopted = adopt(workerData.token);
        const { u32 } = adopted.memory[0];
        const { flags } = workerData;
        let turns = 0;
        while (Atomics.load(flags, 0) === 0) {
          for (let i = 0; i < u32.length; i += 16) u32[i] = u32[i] + turns;
          if (++turns === 20) Atomics.store(flags, 1, 1);
        }
        parentPort.postMessage([turns > 20, u32.length]);
      \`, { token: grant.token, flags });
      const gone = ended(worker);
      await until(() => Atomics.load(flags, 1) === 1);
      const closing = ${close};
      await sleep(20);
      Atomics.store(flags, 0, 1);
      const [said] = await once(worker, 'message');
      await gone;
      await closing;
      await container.close();
      console.log(JSON.stringify(said), isFree(machine));
    `);
    expect(stdout).toBe(`[true,${2 ** 19}] true`);
  });

  test.concurrent('under another thread that is ended while it uses it', async () => {
    const stdout = await outputOf(`
      ${everythingOpen}
      const grant = device.grant({ memory: [buffer] });
      const worker = startWorker(\`
        const { u8 } = adopt(workerData).memory[0];
        parentPort.postMessage('here');
        for (;;) u8.fill(u8[0] + 1);
      \`, grant.token);
      await once(worker, 'message');
      const closing = ${close};
      await Promise.all([worker.terminate(), closing]);
      await grant.revoke();
      await container.close();
      console.log(isFree(machine));
    `);
    expect(stdout).toBe('true');
  });
});

describe.each(Object.entries(closings))('F12/ memory closed by its %s', (_, close) => {
  test.concurrent('after its ArrayBuffer was transferred away, as far as the engine does that', async () => {
    const stdout = await outputOf(`
      ${everythingOpen}
      buffer.u8.fill(7);
      const { u8, buffer: memory } = buffer;
      // Node 20 has no transfer(), and copies the memory when structuredClone() is told to move it.
      const moved = memory.transfer?.() ?? structuredClone(memory, { transfer: [memory] });
      const view = new Uint8Array(moved);
      const before = view[5];
      await ${close};
      view.fill(1);
      // If the memory was moved, the old view has no bytes, and fill() would throw.
      if (u8.length > 0) u8.fill(2);
      await container.close();
      const after = device.closed && buffer.closed;
      console.log(before, view.length, u8.length, after, isFree(machine));
    `);
    const left = 'transfer' in ArrayBuffer.prototype ? 0 : 2 ** 21;
    expect(stdout).toBe(`7 ${2 ** 21} ${left} true true`);
  });

  test.concurrent('while clones and messages of it are on their way', async () => {
    const stdout = await outputOf(`
      ${everythingOpen}
      buffer.u8.fill(7);
      const { port1, port2 } = new MessageChannel();
      const worker = startWorker(\`
        parentPort.on('message', (view) => {
          parentPort.postMessage(view[9]);
          parentPort.close();
        });
      \`);
      const answer = once(worker, 'message');
      worker.postMessage(buffer.u8);
      port1.postMessage(buffer.buffer);
      const clone = structuredClone(buffer.u8.subarray(0, 16));
      let moved = 'moved';
      try { port1.postMessage(buffer.buffer, [buffer.buffer]); } catch { moved = 'refused'; }
      await ${close};
      const received = [];
      port2.on('message', (message) => received.push(message.byteLength));
      const [seen] = await answer;
      await until(() => received.length === (moved === 'moved' ? 2 : 1));
      port2.close();
      await container.close();
      console.log(clone[3], seen, received[0], isFree(machine));
    `);
    expect(stdout).toBe(`7 7 ${2 ** 21} true`);
  });
});
