// SPDX-License-Identifier: MIT
// Workers: each is an environment of its own over the one registry of the process. When one ends in any way, the
// objects that it had open are released, and no other thread is disturbed.
import { expect, test } from '@jest/globals';
import { ended, run, runSource } from './support.js';

/** Counts the descriptors and the threads of the process. */
const footprint = `
  const footprint = () => {
    const links = fs.readdirSync('/proc/self/fd').map((fd) => {
      try { return fs.readlinkSync('/proc/self/fd/' + fd); } catch { return ''; }
    });
    const ours = links.filter((link) => /anon_inode|memfd/.test(link));
    return ours.length + ' descriptors, ' + fs.readdirSync('/proc/self/task').length + ' threads';
  };
`;

/** The program of a worker that uses every kind of object of a device until it is terminated. */
const busyWorker = `
  const { id, own } = workerData;
  const hardware = joinMachine(id).device(own);
  parentPort.postMessage('started');
  for (;;) {
    // The device is busy while the abandoned open of the previous round still has it.
    const device = await openDevice(own).catch(() => undefined);
    if (device === undefined) continue;
    device.busMaster = true;
    const set = device.enableInterrupts('msix', { count: 4 });
    set.vector(0).on(() => device.bar(0).read32(0));
    const buffers = [device.allocDma(4096), device.allocDma(2 ** 21)];
    buffers[1].u32.fill(1, 0, 1024);
    set.vector(1).once().catch(() => {});
    for (let i = 0; i < 20; i++) {
      hardware.raise(2, 0);
      hardware.raise(2, 2);
      set.vector(2).waitSync();
      if (i % 4 === 0) await new Promise(setImmediate);
    }
    // No interrupt comes: the worker is terminated during this wait, or the wait times out.
    try { set.vector(3).waitSync(1); } catch {}
    const abort = new AbortController();
    openDevice(own, { signal: abort.signal }).catch(() => {});
    abort.abort();
    hardware.notify({ fault: true });
    await device.reset();
    device.close();
    buffers[0].close();
    await device.close();
  }
`;

/** VFIO_TEST_TERMINATIONS sets more, such as a thousand, when there is time for them. */
const terminations = Number(process.env.VFIO_TEST_TERMINATIONS ?? 50);

test(`F11/ a worker can be terminated at any moment, ${terminations} times`, async () => {
  const source = `${footprint}
    const lanes = 5;
    const turns = ${terminations} / lanes;
    const addresses = Array.from({ length: lanes }, (_, i) => '0000:0' + (i + 1) + ':00.0');
    const many = useMachine(...addresses.map((address, i) => ({ address, group: i + 1, msix: 4 })));
    const allFree = () =>
      many.counts().containers === 0 && many.counts().groups === 0 &&
      addresses.every((address) => {
        const { functions, eventfds } = many.device(address).counts();
        return functions === 0 && eventfds === 0;
      });
    const body = ${JSON.stringify(busyWorker)};
    async function lane(address, number) {
      for (let turn = 0; turn < turns; turn++) {
        const worker = startWorker(body, { id: many.id, own: address });
        worker.on('error', (error) => console.error(error));
        // The worker is terminated at moments from its very start until well into its work.
        if (turn % 10 > 0) await once(worker, 'message');
        await sleep(Math.max(0, (turn % 10 - 1) * 3 + number / 2));
        await worker.terminate();
        await until(() => many.device(address).counts().functions === 0);
      }
    }
    // Starts workers first, because Node keeps some resources of its first ones.
    await Promise.all(addresses.map(() => ended(startWorker(''))));
    await fs.promises.readFile('/proc/self/stat');
    const before = footprint();
    await Promise.all(addresses.map(lane));
    await until(allFree);
    await until(() => footprint() === before).catch(() => console.log(before, 'became', footprint()));
    const device = await openDevice(addresses[0]);
    device.bar(0).write32(0, 1);
    await device.close();
    console.log('alive');
  `;
  expect(await run(source)).toMatchObject({ ...ended, stdout: 'alive' });
});

const endings: [string, string][] = [
  ['at its end', ''],
  ['by process.exit', 'process.exit(0);'],
  ['by an exception', "throw new Error('of the worker');"],
  ['by terminate', "parentPort.postMessage('end me'); await once(parentPort, 'message');"],
];

test.concurrent.each(endings)('F11/ what a worker has open is given back %s', async (_, end) => {
  const source = `
    const worker = startWorker(\`
      joinMachine(workerData);
      const container = await Container.open();
      const group = await container.openGroup(1);
      const device = await container.openDevice(address);
      device.busMaster = true;
      const set = device.enableInterrupts('msix', { count: 4 });
      const buffer = container.allocDma(4096);
      buffer.u8.fill(1);
      device.bar(0).write32(0, 1);
      ${end}
    \`, machine.id);
    worker.on('error', (error) => console.log(error.message));
    worker.on('message', () => worker.terminate());
    await ended(worker);
    await until(() => isFree(machine));
    const device = await openDevice(address);
    console.log(device.busMaster, machine.mappings(1).length);
    await device.close();
  `;
  const { stdout, ...rest } = await run(source);
  expect(rest).toEqual(ended);
  expect(stdout.replace('of the worker', '').trim()).toBe('false 0');
});

test.concurrent.each([
  ['an open', 'opening', 'openDevice(address).catch(() => {});'],
  [
    'an abandoned open',
    'opening',
    'openDevice(address, { signal: AbortSignal.timeout(1) }).catch(() => {});',
  ],
  ['a reset', 'resetting', '(await openDevice(address)).reset();'],
  ['a close', 'closing', '(await openDevice(address)).close();'],
])(
  'a worker ends while %s is stuck, and the rest follows when it is over',
  async (_, stage, work) => {
    const source = `
    const stuck = [];
    for (const end of ['', 'process.exit(0);', "throw new Error('of the worker');"]) {
      hardware.${stage}.hold();
      const worker = startWorker(\`
        const { ${stage} } = joinMachine(workerData).device(address);
        ${work}
        ${stage}.awaitArrival();
        parentPort.postMessage('stuck');
        \${end}
        await once(parentPort, 'message');
      \`, machine.id);
      worker.on('error', () => {});
      if (end === '') worker.once('message', () => worker.terminate());
      await ended(worker);
      stuck.push(!isFree(machine));
      hardware.${stage}.release();
      await until(() => isFree(machine));
    }
    await (await openDevice(address)).close();
    console.log(stuck.join());
  `;
    expect(await run(source)).toMatchObject({ ...ended, stdout: 'true,true,true' });
  },
);

test.concurrent('F11/ the memory of a worker that ended stays mapped until its device is quiet', async () => {
  const source = `
    hardware.closing.hold();
    const worker = startWorker(\`
      joinMachine(workerData);
      const device = await openDevice(address);
      device.busMaster = true;
      device.allocDma(4096);
    \`, machine.id);
    await ended(worker);
    console.log(machine.mappings(1).length);
    hardware.closing.release();
    await until(() => isFree(machine));
  `;
  expect(await run(source)).toMatchObject({ ...ended, stdout: '1' });
});

test.concurrent('F11/ a worker that ends does not wait for the close of what it never heard of', async () => {
  const source = `
    const flag = new Int32Array(new SharedArrayBuffer(4));
    hardware.closing.hold();
    const worker = startWorker(\`
      joinMachine(workerData.id);
      openDevice(address);
      Atomics.wait(workerData.flag, 0, 0);
      process.exit();
    \`, { id: machine.id, flag });
    const end = ended(worker).then(() => 'ended');
    await until(() => hardware.counts().functions === 1);
    await sleep(50); // until the opened device waits for the worker's event loop
    Atomics.store(flag, 0, 1);
    Atomics.notify(flag, 0);
    console.log(await Promise.race([end, sleep(10_000, 'waits', { ref: false })]));
    hardware.closing.release();
    await until(() => isFree(machine));
  `;
  expect(await run(source)).toMatchObject({ ...ended, stdout: 'ended' });
});

test.concurrent('F2/ a BAR stops and starts to answer while a worker reads it, and nobody crashes', async () => {
  const source = `
    const flag = new Int32Array(new SharedArrayBuffer(8));
    const worker = startWorker(\`
      const { id, flag } = workerData;
      joinMachine(id);
      const device = await openDevice(address);
      const [mapped, other] = [device.bar(0), device.bar(1)];
      mapped.write32(0, 0x1234);
      other.write32(0, 0x1234);
      parentPort.postMessage('reads');
      const tally = { values: 0, failures: 0, others: 0 };
      while (Atomics.load(flag, 0) === 0) {
        for (const region of [mapped, mapped, mapped, mapped, other]) {
          try {
            if (region.read32(0) === 0x1234) tally.values++;
            else tally.others++;
          } catch ({ code }) {
            if (code === 'ERR_VFIO_BUS') tally.failures = Atomics.add(flag, 1, 1) + 1;
            else tally.others++;
          }
        }
      }
      await device.close();
      parentPort.postMessage(tally);
    \`, { id: machine.id, flag });
    await once(worker, 'message');
    // On a busy machine, it can take a while until the worker runs.
    for (let i = 0; i < 5000 || Atomics.load(flag, 1) === 0; i++) {
      hardware.setDecode(false);
      hardware.setDecode(true);
    }
    Atomics.store(flag, 0, 1);
    const [{ values, failures, others }] = await once(worker, 'message');
    console.log(values > 0, failures > 0, others);
  `;
  expect(await run(source)).toMatchObject({ ...ended, stdout: 'true true 0' });
});

test.concurrent('an interrupt reaches a worker while the main thread is busy', async () => {
  const source = `
    const flag = new Int32Array(new SharedArrayBuffer(4));
    const worker = startWorker(\`
      joinMachine(workerData.id);
      const device = await openDevice(address);
      device.busMaster = true;
      const vector = device.enableInterrupts('msix').vector(0);
      parentPort.postMessage('listens');
      const count = await vector.once();
      Atomics.store(workerData.flag, 0, count);
      Atomics.notify(workerData.flag, 0);
      await device.close();
    \`, { id: machine.id, flag });
    await once(worker, 'message');
    hardware.raise(2, 0);
    console.log(Atomics.wait(flag, 0, 0, 5000), flag[0]);
    await once(worker, 'exit');
  `;
  const { stdout, ...rest } = await run(source);
  expect(rest).toEqual(ended);
  expect(['ok 1', 'not-equal 1']).toContain(stdout);
});

test.concurrent('a worker waits in waitSync() for what other threads raise, until it is terminated', async () => {
  const source = `
    const worker = startWorker(\`
      joinMachine(workerData);
      const device = await openDevice(address);
      device.busMaster = true;
      const vector = device.enableInterrupts('msix').vector(0);
      parentPort.postMessage('waits');
      for (let sum = 0; ; parentPort.postMessage(sum)) sum += vector.waitSync();
    \`, machine.id);
    await once(worker, 'message');
    let sum = 0;
    worker.on('message', (value) => { sum = value; });
    for (let i = 1; i <= 5; i++) {
      hardware.raise(2, 0);
      await until(() => sum === i);
    }
    console.log(await worker.terminate(), sum);
    await until(() => isFree(machine));
    await (await openDevice(address)).close();
  `;
  expect(await run(source)).toMatchObject({ ...ended, stdout: '1 5' });
});

test.concurrent('threads share the registry: a device opens once, its group has one address space', async () => {
  const source = `
    const worker = startWorker(\`
      joinMachine(workerData);
      const device = await openDevice(address);
      const buffer = device.allocDma(4096);
      buffer.u8[0] = 7;
      parentPort.postMessage(buffer.iova);
      await once(parentPort, 'message');
    \`, machine.id);
    const [iova] = await once(worker, 'message');
    const codeOf = (work) => work.then(() => 'none', ({ code }) => code);
    console.log(await codeOf(openDevice(address)));
    const container = await Container.open();
    console.log(await codeOf(container.openDevice(mate)));
    await container.close();
    const device = await openDevice(mate);
    device.busMaster = true;
    console.log(machine.device(mate).dmaRead(iova, 1)[0]);
    const kept = device.allocDma(4096);
    await worker.terminate();
    await until(() => machine.device(address).counts().functions === 0);
    // The memory goes after the device.
    await until(() => machine.device(mate).dmaRead(iova, 1) === undefined);
    console.log(machine.device(mate).dmaRead(kept.iova, 1)[0]);
    await device.close();
  `;
  const stdout = 'ERR_VFIO_BUSY\nERR_VFIO_BUSY\n7\n0';
  expect(await run(source)).toMatchObject({ ...ended, stdout });
});

/** Calls every native accessor with valid arguments, except perhaps the handle. 64-bit values are bigints. */
const rawAccesses = `
  const rawAccesses = (addon, handle) => [
    ...[8, 16, 32, 64].map((width) => addon['read' + width](handle, 0)),
    ...[8, 16, 32].map((width) => addon['write' + width](handle, 0, 6)),
    addon.write64(handle, 0, 6n),
    addon.write32Flush(handle, 0, 6, 0),
    addon.poll32(handle, 0, 0, 0, 1),
    addon.run(handle, Uint32Array.of(0, 0, 1, 4, 0, 0, 6, 0).buffer),
    addon.readArray(handle, 0, 4, new Uint32Array(1)),
    addon.writeArray(handle, 0, 4, Uint32Array.of(6)),
  ];
`;

test.concurrent('a handle of another thread is refused by every native accessor', async () => {
  const source = `
    import { createRequire } from 'node:module';
    const addon = createRequire(import.meta.url)(process.env.VFIO_BINARY);
    ${rawAccesses}
    const { device } = await addon.openDevice({ address });
    const handle = device.acquire(0);
    addon.write32(handle, 0, 5);
    const worker = startWorker(\`
      import { createRequire } from 'node:module';
      const addon = createRequire(import.meta.url)(process.env.VFIO_BINARY);
      ${rawAccesses}
      parentPort.postMessage(rawAccesses(addon, workerData));
    \`, handle);
    const [failures] = await once(worker, 'message');
    console.log(new Set(failures), addon.read32(handle, 0));
    addon.testing.releaseHandle(handle);
    console.log(new Set(rawAccesses(addon, handle)));
    await device.close();
  `;
  expect(await run(source)).toMatchObject({ ...ended, stdout: 'Set(1) { -7 } 5\nSet(1) { -1 }' });
});

test.concurrent('F18/ native accessors survive whatever they are given, and touch nothing', async () => {
  const source = `
    import { createRequire } from 'node:module';
    const addon = createRequire(import.meta.url)(process.env.VFIO_BINARY);
    const { device } = await addon.openDevice({ address });
    const handle = device.acquire(0);
    const detached = new Uint32Array(8);
    structuredClone(detached, { transfer: [detached.buffer] });
    const odd = [
      undefined, null, '0', {}, [], Symbol(), () => 0, true, 0.5, -1, NaN, Infinity, 2 ** 53, 1n, -1n,
      2n ** 64n, detached, new DataView(new ArrayBuffer(4)), new Float64Array(9),
    ];
    let wrong = 0;
    const accessors = Object.keys(addon).filter((name) => /^(read|write)\\d|32|Array$|^run$/.test(name));
    for (const name of accessors) {
      for (const value of [...odd, handle]) {
        // The fifth argument says how long poll32 may spin, so it keeps its value.
        for (const place of [0, 1, 2, 3]) {
          const args = [handle, 0x1000 - 4, 4, 0x1000 - 4, 1];
          args[place] = value;
          for (const given of [args, args.slice(0, place), Array(5).fill(value)]) {
            const result = addon[name](...given);
            const fine = result === undefined || typeof result === 'number' || typeof result === 'bigint';
            if (!fine) wrong++;
          }
        }
      }
    }
    console.log(accessors.length, wrong, hardware.peek(0, 0));
    await device.close();
  `;
  expect(await run(source)).toMatchObject({ ...ended, stdout: '13 0 0' });
});

test.concurrent('F11/ an addon that only workers loaded outlives them, with its handler of bus errors', async () => {
  const source = `
    import { Worker } from 'node:worker_threads';
    import { once } from 'node:events';
    const body = \`
      import { writeSync } from 'node:fs';
      import { useMachine, specs, openDevice, address } from './test/process/program.mjs';
      const hardware = useMachine(...specs).device(address);
      const device = await openDevice(address);
      device.bar(0).write32(0, 1);
      hardware.setDecode(false);
      try {
        device.bar(0).read32(0);
      } catch ({ code }) {
        writeSync(1, code + ' ');
      }
    \`;
    for (let i = 0; i < 3; i++) await once(new Worker(body, { eval: true }), 'exit');
    process.kill(process.pid, 'SIGBUS');
    setTimeout(() => {}, 10_000);
  `;
  expect(await runSource(source)).toMatchObject({
    status: null,
    signal: 'SIGBUS',
    stdout: 'ERR_VFIO_BUS ERR_VFIO_BUS ERR_VFIO_BUS',
  });
});

/** A machine with two devices that are reset together, and a worker that has one of them open. */
const slotOfTwo = `
  const slot = useMachine(...specs.map((spec) => ({ ...spec, msix: 4, slot: 1 })));
  const worker = startWorker(\`
    joinMachine(workerData);
    const end = once(parentPort, 'message');
    const device = await openDevice(mate);
    device.busMaster = true;
    const set = device.enableInterrupts('msix');
    device.bar(0).write32(0, 6);
    const reset = once(device, 'reset');
    parentPort.postMessage('open');
    await reset;
    parentPort.postMessage([set.closed, device.busMaster, device.bar(0).read32(0)].join());
    await end;
    await device.close();
  \`, slot.id);
  await once(worker, 'message');
  const device = await openDevice(address);
`;

test.concurrent('F2/ a hot reset takes along what another thread has open, which hears of it', async () => {
  const source = `${slotOfTwo}
    const told = once(worker, 'message');
    await device.hotReset();
    console.log(...(await told));
    worker.postMessage('end');
    await once(worker, 'exit');
    await device.close();
  `;
  expect(await run(source)).toMatchObject({ ...ended, stdout: 'true,false,0' });
});

test.concurrent('F11/ a thread ends while a hot reset has its device', async () => {
  const source = `${slotOfTwo}
    const { resetting } = slot.device(address);
    resetting.hold();
    const reset = device.hotReset();
    resetting.awaitArrival();
    await worker.terminate();
    resetting.release();
    await reset;
    await device.close();
    await until(() => isFree(slot));
    await (await openDevice(mate)).close();
    console.log('free');
  `;
  expect(await run(source)).toMatchObject({ ...ended, stdout: 'free' });
});
