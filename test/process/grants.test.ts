// SPDX-License-Identifier: MIT
// Grants between threads: the use of granted parts in a worker, and each way in which a grant ends.
import { expect, test } from '@jest/globals';
import { ended, run } from './support.js';

/** Opens a device with four vectors and a buffer, and counts the register handles that the process has left. */
const opened = `
  import { createRequire } from 'node:module';
  const addon = createRequire(import.meta.url)(process.env.VFIO_BINARY);
  const device = await openDevice(address);
  device.busMaster = true;
  const set = device.enableInterrupts('msix', { count: 4 });
  const buffer = device.allocDma(4096);
  const parts = () => ({ regions: [device.bar(0)], vectors: [set.vector(1)], memory: [buffer] });
  const codeOf = (work) => {
    try { work(); return 'none'; } catch ({ code }) { return code; }
  };
  const { device: spare, container: shared } = await addon.openDevice({ address: mate });
  const closeAll = async () => {
    await device.container.close();
    await spare.close();
    await shared.close();
    await until(() => isFree(machine));
  };
  device.bar(0);
  const freeHandles = () => {
    const handles = [];
    try { for (;;) handles.push(spare.acquire(0)); } catch {}
    for (const handle of handles) addon.testing.releaseHandle(handle);
    return handles.length;
  };
`;

function runOpened(body: string) {
  return run(`${opened}${body}`);
}

/** Helpers for the programs of workers. */
const codeOf = `
  const codeOf = (work) => {
    try { work(); return 'none'; } catch ({ code }) { return code; }
  };
  // Waiting for the event does not keep a thread alive, so a timer does.
  const closeOf = async (device) => {
    const alive = setInterval(() => {}, 1000);
    await once(device, 'close');
    clearInterval(alive);
  };
`;

test.concurrent('two workers drive two queues of one device at once', async () => {
  // A queue has a ring of requests and a ring of answers in memory, a doorbell register and a vector.
  const worker = `
    const { token, queue, count } = workerData;
    const device = adopt(token);
    const [ring, answers] = device.memory;
    const doorbell = 0x100 + 4 * queue;
    let wrong = 0;
    for (let n = 1; n <= count; n++) {
      const slot = n % ring.u32.length;
      ring.u32[slot] = n;
      const answered = device.vector(queue).once({ timeout: 10_000 });
      device.bar(0).write32(doorbell, n);
      await answered;
      if (Atomics.load(answers.u32, slot) !== 2 * n + queue) wrong++;
    }
    parentPort.postMessage([queue, count, wrong, device.bar(0).read32(doorbell)]);
  `;
  const source = `
    const count = 300;
    const queues = [1, 3].map((queue) => {
      const [ring, answers] = [device.allocDma(4096), device.allocDma(4096)];
      const memory = [ring, answers];
      const grant = device.grant({ regions: [device.bar(0)], vectors: [set.vector(queue)], memory });
      return { queue, ring, answers, grant, done: 0 };
    });
    const workers = queues.map(({ queue, grant }) =>
      startWorker(${JSON.stringify(worker)}, { token: grant.token, queue, count }));
    const ends = workers.map(ended);
    // Acts as the device: takes the request, writes the answer and raises the interrupt.
    const serve = ({ queue, ring, answers }, n) => {
      const at = BigInt((n % 1024) * 4);
      const request = hardware.dmaRead(ring.iova + at, 4).readUInt32LE();
      const answer = Buffer.alloc(4);
      answer.writeUInt32LE(2 * request + queue);
      hardware.dmaWrite(answers.iova + at, answer);
      hardware.raise(2, queue);
    };
    const turn = () => {
      for (const each of queues) {
        const tail = hardware.peek(0, 0x100 + 4 * each.queue);
        if (tail !== each.done) serve(each, each.done = tail);
      }
      if (queues.some(({ done }) => done < count)) setImmediate(turn);
    };
    turn();
    const results = await Promise.all(workers.map((worker) => once(worker, 'message')));
    console.log(JSON.stringify(results.flat()));
    await Promise.all(ends);
    for (const { queue } of queues) set.vector(queue).on(() => {}).unref();
    await closeAll();
  `;
  const stdout = '[[1,300,0,300],[3,300,0,300]]';
  expect(await runOpened(source)).toMatchObject({ ...ended, stdout });
});

test.concurrent('a worker has what was granted, and nothing else', async () => {
  const source = `
    buffer.u32[5] = 55;
    device.bar(0).write32(8, 88);
    const grant = device.grant({ ...parts(), regions: [device.bar(0), device.bar(1), device.config] });
    const worker = startWorker(\`${codeOf}
      const device = adopt(workerData);
      device.bar(1).write16(2, 0x1234);
      parentPort.postMessage([
        device.address,
        device.bar(0).read32(8), device.bar(0).byteLength, device.bar(1).read16(2),
        device.region(7).find(0x11).id,
        device.memory.length, device.memory[0].u32[5], device.memory[0].address(20),
        device.vector(1) === device.vector(1), device.bar(0) === device.region(0),
        codeOf(() => device.bar(2)), codeOf(() => device.vector(0)), codeOf(() => device.bar(6)),
        codeOf(() => device.region(-1)), codeOf(() => device.vector('1')),
        codeOf(() => device.bar(0).read32(0x1000)), codeOf(() => device.bar(0).write32(0, -1)),
        codeOf(() => { device.bar(0).doorbell(12).write(12); }), device.bar(0).read32(12),
      ]);
      device.memory[0].close();
      device.memory[0].close();
      device.close();
      device.close();
      parentPort.postMessage([
        device.closed,
        codeOf(() => device.bar(0)), codeOf(() => device.vector(1)), codeOf(() => device.memory[0].u32),
      ]);
    \`, grant.token);
    const messages = [];
    worker.on('message', (message) => messages.push(message));
    await ended(worker);
    console.log(messages.map((message) => message.join()).join('\\n'));
    console.log(buffer.u32[5], machine.mappings(1).length, device.bar(1).read16(2).toString(16));
    await closeAll();
  `;
  const stdout = [
    '0000:01:00.0,88,4096,4660,17,1,55,65556,true,true,ERR_VFIO_UNSUPPORTED,ERR_VFIO_UNSUPPORTED,' +
      'ERR_VFIO_RANGE,ERR_VFIO_RANGE,ERR_INVALID_ARG_TYPE,ERR_VFIO_RANGE,ERR_VFIO_RANGE,none,12',
    'true,ERR_VFIO_CLOSED,ERR_VFIO_CLOSED,ERR_VFIO_CLOSED',
    '55 1 1234',
  ].join('\n');
  expect(await runOpened(source)).toMatchObject({ ...ended, stdout });
});

test.concurrent('a revocation ends everything of the worker, and nothing of the owner', async () => {
  const source = `
    const grant = device.grant(parts());
    const worker = startWorker(\`${codeOf}
      const device = adopt(workerData);
      const [region, vector, memory] = [device.bar(0), device.vector(1), device.memory[0]];
      const view = memory.u32;
      const waiting = vector.once().catch(({ code }) => code);
      const iterating = (async () => { for await (const _ of vector); return 'ended'; })();
      const batch = region.batch([{ offset: 0, width: 32 }]);
      const polling = region.poll32(0, 1, 1, { timeout: 20_000 }).catch(({ code }) => code);
      parentPort.postMessage('adopted');
      await closeOf(device);
      view[1] = 77;
      parentPort.postMessage([
        await waiting, await iterating, await polling, device.closed,
        codeOf(() => region.read32(0)), codeOf(() => batch.run()), codeOf(() => region.write8(0, 1)),
        codeOf(() => vector.on(() => {})), codeOf(() => vector.trigger()), codeOf(() => memory.u32),
        codeOf(() => memory.address()), codeOf(() => device.bar(0)), codeOf(() => adopt(workerData)),
        view[0],
      ]);
    \`, grant.token);
    buffer.u32[0] = 66;
    await once(worker, 'message');
    const message = once(worker, 'message');
    await grant.revoke();
    // The vector is this thread's again.
    const raised = set.vector(1).once();
    hardware.raise(2, 1);
    console.log(await raised, device.bar(0).read32(0));
    console.log((await message)[0].join());
    console.log(buffer.u32[1]);
    await closeAll();
  `;
  const closed = 'ERR_VFIO_CLOSED';
  const stdout = [
    '1 0',
    `${closed},ended,${closed},true,${Array(9).fill(closed).join()},66`,
    '77',
  ].join('\n');
  expect(await runOpened(source)).toMatchObject({ ...ended, stdout });
});

test.concurrent('a revocation ends accesses that are under way', async () => {
  const source = `
    const grant = device.grant({ regions: [device.bar(1)] });
    const worker = startWorker(\`
      import { createRequire } from 'node:module';
      const addon = createRequire(import.meta.url)(process.env.VFIO_BINARY);
      const { regions: [{ handle }] } = addon.adopt(workerData);
      // 32-bit reads at offset 0. Each makes a system call, so the revocation comes while one is in progress.
      const count = 100_000;
      const program = new Uint32Array(2 + 6 * count);
      for (let i = 0; i < count; i++) program[2 + 6 * i + 1] = 4;
      // The first access writes 1 at offset 8, which tells the main thread that the reads have begun.
      program.set([1, 4, 8, 0, 1, 0], 2);
      let failure;
      while (failure === undefined) failure = addon.run(handle, program.buffer);
      parentPort.postMessage([failure, program[0] > 0, program[0] < count]);
    \`, grant.token);
    const message = once(worker, 'message');
    await until(() => hardware.peek(1, 8) === 1);
    await grant.revoke();
    console.log((await message)[0].join());
    await closeAll();
  `;
  expect(await runOpened(source)).toMatchObject({ ...ended, stdout: '-1,true,true' });
});

test.concurrent('a revocation ends a wait that blocks the worker', async () => {
  const source = `
    const grant = device.grant(parts());
    const worker = startWorker(\`${codeOf}
      const vector = adopt(workerData).vector(1);
      parentPort.postMessage('adopted');
      parentPort.postMessage(vector.waitSync());
      parentPort.postMessage(codeOf(() => vector.waitSync()));
    \`, grant.token);
    await once(worker, 'message');
    hardware.raise(2, 1);
    console.log((await once(worker, 'message'))[0]);
    const message = once(worker, 'message');
    // Gives the worker time to begin its next wait.
    await sleep(20);
    console.log(codeOf(() => set.vector(1).waitSync(0)));
    await grant.revoke();
    console.log((await message)[0]);
    await closeAll();
  `;
  const stdout = '1\nERR_VFIO_BUSY\nERR_VFIO_CLOSED';
  expect(await runOpened(source)).toMatchObject({ ...ended, stdout });
});

test.concurrent('what is raised after a revocation waits for the owner', async () => {
  const source = `
    const blocked = new Int32Array(new SharedArrayBuffer(4));
    const lend = async (body) => {
      const grant = device.grant(parts());
      const worker = startWorker(\`${codeOf}
        const device = adopt(workerData.token);
        const vector = device.vector(1);
        ${'$'}{body}
      \`, { token: grant.token, blocked });
      await once(worker, 'message');
      return { grant, worker };
    };
    const take = async ({ grant, worker }) => {
      const message = once(worker, 'message');
      const revoked = grant.revoke();
      hardware.raise(2, 1);
      Atomics.store(blocked, 0, 1);
      Atomics.notify(blocked, 0);
      await revoked;
      const count = await set.vector(1).once({ timeout: 5000 });
      console.log(count, (await message)[0]);
    };
    // First while the worker waits, then while it has a listener but blocks its event loop.
    await take(await lend(\`
      parentPort.postMessage('adopted');
      parentPort.postMessage(codeOf(() => vector.waitSync()));
    \`));
    await take(await lend(\`
      let heard = 0;
      vector.on((count) => { heard += count; });
      device.on('close', () => parentPort.postMessage(heard));
      parentPort.postMessage('adopted');
      Atomics.wait(workerData.blocked, 0, 0);
    \`));
    await closeAll();
  `;
  const stdout = '1 ERR_VFIO_CLOSED\n1 0';
  expect(await runOpened(source)).toMatchObject({ ...ended, stdout });
});

/** Lends the INTx of `owner` to a worker whose listener gets one interrupt and never unmasks the line. */
const lendAndLeaveMasked = `
    const grant = device.grant({ vectors: [owner] });
    const worker = startWorker(\`
      adopt(workerData).vector(0).on((count) => {
        parentPort.postMessage(count);
        return new Promise(() => {}); // the listener never finishes
      });
      parentPort.postMessage('listens');
    \`, grant.token);
    await once(worker, 'message');
    const message = once(worker, 'message');
    raise();
    console.log('worker', (await message)[0]);
    await grant.revoke();
`;

const raiseIntx = `
    const raise = () => {
      hardware.raise(0, 0);
      hardware.lowerIntx();
    };
`;

test.concurrent('INTx goes on in the thread that has it, however the one before left it', async () => {
  const source = `
    set.close();
    const intx = device.enableInterrupts('intx');
    const owner = intx.vector(0);
    ${raiseIntx}
    const heard = async (wait) => {
      raise();
      return wait;
    };
    console.log('owner', await heard(owner.once({ timeout: 5000 })));
    // INTx is masked now: it is only unmasked by the next wait.
    ${lendAndLeaveMasked}
    console.log('owner', await heard(owner.once({ timeout: 5000 })));
    await worker.terminate();
    await closeAll();
  `;
  const stdout = 'owner 1\nworker 1\nowner 1';
  expect(await runOpened(source)).toMatchObject({ ...ended, stdout });
});

test.concurrent('INTx that a worker left masked reaches an owner that never waited for it', async () => {
  const source = `
    set.close();
    const owner = device.enableInterrupts('intx').vector(0);
    ${raiseIntx}
    ${lendAndLeaveMasked}
    const waiting = owner.once({ timeout: 5000 });
    raise();
    console.log('owner', await waiting);
    await worker.terminate();
    await closeAll();
  `;
  expect(await runOpened(source)).toMatchObject({ ...ended, stdout: 'worker 1\nowner 1' });
});

test.concurrent('F11/ a worker that never comes back to its event loop is refused, and let go of at its end', async () => {
  const source = `
    const seen = new Int32Array(new SharedArrayBuffer(4));
    const grant = device.grant(parts());
    const worker = startWorker(\`
      const device = adopt(workerData.token);
      const region = device.bar(0);
      Atomics.store(workerData.seen, 0, 1);
      for (;;) {
        try {
          region.read32(0);
        } catch ({ code }) {
          if (code === 'ERR_VFIO_CLOSED') Atomics.store(workerData.seen, 0, 2);
        }
      }
    \`, { token: grant.token, seen });
    await until(() => Atomics.load(seen, 0) === 1);
    let over = false;
    const revoked = grant.revoke().then(() => { over = true; });
    await until(() => Atomics.load(seen, 0) === 2);
    console.log(over, codeOf(() => set.vector(1).on(() => {})));
    await worker.terminate();
    await revoked;
    set.vector(1).on(() => {}).unref();
    await closeAll();
  `;
  expect(await runOpened(source)).toMatchObject({ ...ended, stdout: 'false ERR_VFIO_BUSY' });
});

const endings: [string, string][] = [
  ['at its end', 'await once(parentPort, "message");'],
  ['by process.exit', 'await once(parentPort, "message"); process.exit(0);'],
  ['by an exception', 'await once(parentPort, "message"); throw new Error("of the worker");'],
  ['by terminate, while it is idle', 'parentPort.on("message", () => {}); vector.ref();'],
  ['by terminate, while it is busy', 'for (;;) region.write32(0, region.read32(0) ^ 1);'],
];

test.concurrent.each(endings)(
  'F11/ a worker that ends %s gives everything back',
  async (_, end) => {
    const source = `
    const before = freeHandles();
    const grants = [device.grant(parts()), device.grant({ regions: [device.bar(0)] })];
    const worker = startWorker(\`
      const [device, other] = workerData.map(adopt);
      const [region, vector, memory] = [device.bar(0), device.vector(1), device.memory[0].u32];
      vector.on(() => other.bar(0).read32(0)).unref();
      parentPort.postMessage('adopted');
      ${end}
    \`, grants.map(({ token }) => token));
    const errors = [];
    worker.on('error', ({ message }) => errors.push(message));
    await once(worker, 'message');
    hardware.raise(2, 1);
    if (${JSON.stringify(end)}.includes('once(')) {
      worker.postMessage('end');
      await ended(worker);
    } else {
      await worker.terminate();
    }
    // Nothing was revoked, but everything that the worker adopted is free.
    set.vector(1).on(() => {}).unref();
    console.log(freeHandles() - before, errors.join());
    await Promise.all(grants.map((grant) => grant.revoke()));
    await closeAll();
  `;
    const { stdout, ...rest } = await runOpened(source);
    expect(rest).toEqual(ended);
    expect(stdout.replace('of the worker', '').trim()).toBe('0');
  },
);

test.concurrent('a token is used once, in one of many threads', async () => {
  const source = `
    const { token } = device.grant(parts());
    const go = new Int32Array(new SharedArrayBuffer(4));
    const workers = [1, 2, 3, 4].map(() => startWorker(\`${codeOf}
      parentPort.postMessage('ready');
      Atomics.wait(workerData.go, 0, 0);
      parentPort.postMessage([codeOf(() => adopt(workerData.token)), codeOf(() => adopt(workerData.token))]);
    \`, { token, go }));
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    const messages = workers.map((worker) => once(worker, 'message'));
    Atomics.store(go, 0, 1);
    Atomics.notify(go, 0);
    const codes = (await Promise.all(messages)).flat(2);
    console.log(codes.filter((code) => code === 'none').length, codes.filter((code) => code === 'ERR_VFIO_CLOSED').length);
    await closeAll();
  `;
  expect(await runOpened(source)).toMatchObject({ ...ended, stdout: '1 7' });
});

test.concurrent('an adoption that fails halfway keeps no handle, and the offer stands', async () => {
  const source = `
    const grant = device.grant({ regions: [device.bar(0), device.bar(1)] });
    const handles = [];
    const takeAll = () => { for (;;) handles.push(spare.acquire(0)); };
    codeOf(takeAll);
    addon.testing.releaseHandle(handles.pop());
    const worker = startWorker(\`${codeOf}
      parentPort.postMessage(codeOf(() => adopt(workerData)));
      await once(parentPort, 'message');
      parentPort.postMessage(codeOf(() => adopt(workerData)));
    \`, grant.token);
    const gone = ended(worker);
    console.log((await once(worker, 'message'))[0]);
    const before = handles.length;
    codeOf(takeAll);
    console.log(handles.length - before);
    for (const handle of handles) addon.testing.releaseHandle(handle);
    worker.postMessage('again');
    console.log((await once(worker, 'message'))[0]);
    await gone;
    await closeAll();
  `;
  const stdout = 'ERR_VFIO_UNSUPPORTED\n1\nnone';
  expect(await runOpened(source)).toMatchObject({ ...ended, stdout });
});

test.concurrent('an adoption whose object cannot be made is over, and gives everything back', async () => {
  const source = `
    const before = freeHandles();
    const grant = device.grant(parts());
    const worker = startWorker(\`
      const set = () => { throw new Error('of a setter'); };
      Object.defineProperty(Object.prototype, 'address', { set, configurable: true });
      let message;
      try { adopt(workerData); } catch (error) { message = error.message; }
      delete Object.prototype.address;
      parentPort.postMessage(message);
      await once(parentPort, 'message');
    \`, grant.token);
    console.log((await once(worker, 'message'))[0], freeHandles() - before);
    set.vector(1).on(() => {}).unref();
    worker.postMessage('end');
    await ended(worker);
    await closeAll();
  `;
  expect(await runOpened(source)).toMatchObject({ ...ended, stdout: 'of a setter 0' });
});

test.concurrent('an offer outlives the worker that it was meant for', async () => {
  const source = `
    const grant = device.grant(parts());
    await ended(startWorker('', grant.token));
    console.log(codeOf(() => set.vector(1).on(() => {})));
    const worker = startWorker("const device = adopt(workerData); parentPort.postMessage(device.address);", grant.token);
    console.log((await once(worker, 'message'))[0]);
    await closeAll();
  `;
  expect(await runOpened(source)).toMatchObject({
    ...ended,
    stdout: 'ERR_VFIO_BUSY\n0000:01:00.0',
  });
});

test.concurrent('a reset is as it is everywhere: BUSY meanwhile, and regions live on', async () => {
  const source = `
    const state = new Int32Array(new SharedArrayBuffer(8));
    const grants = [device.grant({ regions: [device.bar(0)], memory: [buffer] }), device.grant(parts())];
    const worker = startWorker(\`${codeOf}
      const { tokens, state } = workerData;
      const [plain, interrupted] = tokens.map(adopt);
      const ended = closeOf(interrupted);
      parentPort.postMessage('adopted');
      while (codeOf(() => plain.bar(0).write32(0, 1)) !== 'ERR_VFIO_BUSY');
      Atomics.store(state, 0, 1);
      while (codeOf(() => plain.bar(0).write32(0, 1)) === 'ERR_VFIO_BUSY');
      await ended;
      parentPort.postMessage([
        plain.bar(0).read32(0), plain.closed, codeOf(() => plain.memory[0].u32),
        interrupted.closed, codeOf(() => interrupted.bar(0)),
      ]);
    \`, { tokens: grants.map(({ token }) => token), state });
    await once(worker, 'message');
    const message = once(worker, 'message');
    hardware.resetting.hold();
    const reset = device.reset();
    await until(() => Atomics.load(state, 0) === 1);
    // During a reset, no thread can adopt a grant, but the offer stays valid.
    const late = device.grant({ regions: [device.bar(0)] });
    const latecomer = startWorker(\`${codeOf}
      parentPort.postMessage(codeOf(() => adopt(workerData)));
      await once(parentPort, 'message');
      parentPort.postMessage(codeOf(() => adopt(workerData)));
    \`, late.token);
    console.log((await once(latecomer, 'message'))[0]);
    hardware.resetting.release();
    await reset;
    latecomer.postMessage('again');
    console.log((await once(latecomer, 'message'))[0]);
    console.log((await message)[0].join());
    await closeAll();
  `;
  const stdout = 'ERR_VFIO_BUSY\nnone\n1,false,none,true,ERR_VFIO_CLOSED';
  expect(await runOpened(source)).toMatchObject({ ...ended, stdout });
});

test.concurrent.each([
  ['the device', 'device.close()', 'ERR_VFIO_CLOSED 0 true'],
  ['its container', 'device.container.close()', 'ERR_VFIO_CLOSED 0 true'],
  ['its interrupt set', 'set.close()', 'ERR_VFIO_CLOSED 9 true'],
  ['its memory', 'buffer.close()', 'ERR_VFIO_CLOSED 0 true'],
])('closing %s ends what a busy worker has of it', async (_, close, stdout) => {
  const source = `
    const state = new Int32Array(new SharedArrayBuffer(4));
    buffer.u32.fill(9);
    const grant = device.grant(parts());
    const worker = startWorker(\`${codeOf}
      const { token, state } = workerData;
      const device = adopt(token);
      const memory = device.memory[0].u32;
      Atomics.store(state, 0, 1);
      while (codeOf(() => device.bar(0).read32(0)) === 'none');
      const code = codeOf(() => device.bar(0).read32(0));
      // Closing a buffer first revokes its grants, and then replaces its memory with zeros.
      while (Atomics.load(state, 0) === 1);
      const value = memory[0];
      await closeOf(device);
      parentPort.postMessage([code, value, device.closed].join(' '));
    \`, { token: grant.token, state });
    const message = once(worker, 'message');
    await until(() => Atomics.load(state, 0) === 1);
    await ${close};
    Atomics.store(state, 0, 2);
    console.log((await message)[0]);
    await grant.revoke();
    await closeAll();
  `;
  expect(await runOpened(source)).toMatchObject({ ...ended, stdout });
});

test.concurrent.each([
  ['its last task', 'worker.unref();'],
  ['process.exit', 'process.exit(0);'],
])('the main thread ends first, by %s', async (_, end) => {
  const source = `
    const { token } = device.grant(parts());
    const worker = startWorker(\`
      const device = adopt(workerData);
      device.vector(1).on(() => {});
      parentPort.postMessage('adopted');
      for (;;) {
        try {
          device.memory[0].u32[0] = device.bar(0).read32(0);
        } catch {}
      }
    \`, token);
    await once(worker, 'message');
    spare.close();
    console.log('ends');
    ${end}
  `;
  expect(await runOpened(source)).toMatchObject({ ...ended, stdout: 'ends' });
});

test.concurrent('a part alone is in use, and ends with the grant', async () => {
  const source = `
    const grant = device.grant(parts());
    const worker = startWorker(\`
      process.removeAllListeners('warning');
      let warnings = 0;
      process.on('warning', () => { warnings++; });
      const vector = (() => adopt(workerData).vector(1))();
      const iterating = (async () => { for await (const _ of vector); return 'ended'; })();
      await sleep(1);
      for (let i = 0; i < 40; i++) { gc(); await sleep(4); }
      parentPort.postMessage(warnings);
      parentPort.postMessage(await iterating);
    \`, grant.token);
    const messages = [];
    const over = ended(worker);
    worker.on('message', (message) => messages.push(message));
    await once(worker, 'message');
    await grant.revoke();
    await over;
    console.log(messages.join('\\n'));
    await closeAll();
  `;
  const result = await run(`${opened}${source}`, '--expose-gc');
  expect(result).toMatchObject({ ...ended, stdout: '0\nended' });
});

test.concurrent('a worker grants too, and its end is a revocation', async () => {
  const source = `
    await device.close();
    const worker = startWorker(\`
      joinMachine(workerData);
      const device = await openDevice(address);
      device.busMaster = true;
      const set = device.enableInterrupts('msix', { count: 2 });
      const memory = [device.allocDma(4096)];
      memory[0].u32[0] = 7;
      const { token } = device.grant({ regions: [device.bar(0)], vectors: [set.vector(1)], memory });
      parentPort.postMessage(token);
      parentPort.on('message', () => {});
    \`, machine.id);
    const [token] = await once(worker, 'message');
    const adopted = adopt(token);
    const [memory] = adopted.memory;
    const view = memory.u32;
    const raised = adopted.vector(1).once();
    hardware.raise(2, 1);
    console.log(await raised, view[0], adopted.bar(0).read32(0));
    const closed = once(adopted, 'close');
    // Waiting for the event does not keep the process alive, so a timer does.
    const alive = setInterval(() => {}, 1000);
    await worker.terminate();
    console.log(codeOf(() => adopted.bar(0).read32(0)));
    await closed;
    clearInterval(alive);
    await spare.close();
    await shared.close();
    await until(() => isFree(machine) && view[0] === 0);
    console.log(codeOf(() => memory.u32), codeOf(() => adopted.vector(1)));
  `;
  const stdout = '1 7 0\nERR_VFIO_CLOSED\nERR_VFIO_CLOSED ERR_VFIO_CLOSED';
  expect(await runOpened(source)).toMatchObject({ ...ended, stdout });
});
