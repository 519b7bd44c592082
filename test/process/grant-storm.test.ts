// SPDX-License-Identifier: MIT
// Grants to workers that use them all at once. At random moments, a grant is revoked or closed, or its worker ends (one
// grant in four). Nothing of them is left.
import { expect, test } from '@jest/globals';
import { run } from './support.js';

/** Adopts each grant that it is sent, and uses it until the grant ends. */
const worker = `
  let ends = false;
  const fine = (work) => {
    try {
      return work();
    } catch ({ code, message }) {
      // A thread that is being terminated runs on for a moment. Node-API refuses every call during that time, so the
      // addon returns undefined and cannot throw a better error.
      if (ends && code === undefined) return;
      if (code !== 'ERR_VFIO_CLOSED') parentPort.postMessage(code + ': ' + message);
    }
  };
  parentPort.on('message', ({ token, lane, end, after }) => {
    ends = end === 'terminate' || end === 'exit';
    // The grant may already be revoked.
    const device = fine(() => adopt(token));
    if (device === undefined) return;
    const [mapped, other] = [device.bar(0), device.bar(1)];
    const memory = device.memory[0].u32;
    Atomics.add(memory, lane, 1);
    const batch = mapped.batch([{ offset: 0, width: 32 }, { offset: 4, width: 32, write: lane }]);
    fine(() => device.vector(lane).on(() => fine(() => other.read32(0))));
    const turn = () => {
      if (device.closed) return;
      fine(() => {
        for (let i = 0; i < 20; i++) mapped.write32(8, mapped.read32(8) ^ 1);
        memory[8]++;
        batch.run();
        other.write32(4 * lane, 1);
      });
      setImmediate(turn);
    };
    turn();
    if (end === 'exit') setTimeout(() => process.exit(0), after);
    if (end === 'close') setTimeout(() => device.close(), after);
  });
`;

/** VFIO_TEST_GRANTS sets more, such as a thousand, when there is time for them. */
const grants = Number(process.env.VFIO_TEST_GRANTS ?? 200);

test(`F11/ ${grants} grants revoked and ended at random leave nothing behind`, async () => {
  const source = `
    import { createRequire } from 'node:module';
    const addon = createRequire(import.meta.url)(process.env.VFIO_BINARY);
    const lanes = [0, 1, 2, 3];
    // Mappings of BAR 0 of each device and of the buffer. Granting them must not add any.
    let mapped = 0;
    const footprint = () => {
      const links = fs.readdirSync('/proc/self/fd').map((fd) => {
        try { return fs.readlinkSync('/proc/self/fd/' + fd); } catch { return ''; }
      });
      const ours = links.filter((link) => /anon_inode|memfd/.test(link)).length;
      const maps = fs.readFileSync('/proc/self/maps', 'utf8').match(/memfd:/g)?.length ?? 0;
      const left = mapped - syscalls.count('munmap');
      const threads = fs.readdirSync('/proc/self/task').length;
      return [ours, 'descriptors', maps, left, 'mappings', threads, 'threads'].join(' ');
    };
    const freeHandles = async () => {
      const { device, container } = await addon.openDevice({ address: mate });
      const handles = [];
      mapped++;
      try { for (;;) handles.push(device.acquire(0)); } catch {}
      await device.close();
      await container.close();
      return handles.length;
    };
    const start = () => {
      const worker = startWorker(${JSON.stringify(worker)});
      worker.on('message', (message) => console.log(message));
      worker.on('error', (error) => console.log(error));
      return worker;
    };

    async function storm(grants) {
      const device = await openDevice(address);
      device.busMaster = true;
      mapped += 2;
      const set = device.enableInterrupts('msix', { count: lanes.length });
      const buffer = device.allocDma(4096);
      let left = grants;
      const drive = async (lane) => {
        let worker = start();
        while (left-- > 0) {
          const grant = device.grant({
            regions: [device.bar(0), device.bar(1)],
            vectors: [set.vector(lane)],
            memory: [buffer],
          });
          const chance = Math.random();
          const end = chance < 0.15 ? 'terminate' : chance < 0.25 ? 'exit' : chance < 0.4 ? 'close' : 'revoke';
          const after = Math.random() * 3;
          const exit = end === 'exit' ? ended(worker) : undefined;
          const adopted = Atomics.load(buffer.u32, lane);
          worker.postMessage({ token: grant.token, lane, end, after });
          // Waits for half of the adoptions. The other grants may be revoked before their worker adopts them.
          if (left % 2 === 0) await until(() => Atomics.load(buffer.u32, lane) > adopted);
          hardware.raise(2, lane);
          await sleep(after);
          hardware.raise(2, lane);
          if (end === 'terminate') await worker.terminate();
          await exit;
          if (end === 'exit' || end === 'terminate') worker = start();
          await grant.revoke();
          // The vector belongs to this thread again.
          set.vector(lane).on(start).off(start);
        }
        await worker.terminate();
      };
      await Promise.all(lanes.map(drive));
      const adopted = lanes.reduce((sum, lane) => sum + buffer.u32[lane], 0);
      console.log(adopted >= grants / 2);
      await device.close();
    }
    // A first storm, because Node keeps some resources of its first workers.
    const settled = () => isFree(machine) && !gc() && footprint().includes(' 0 mappings');
    await storm(20);
    await fs.promises.readFile('/proc/self/stat');
    await until(settled);
    const before = [footprint(), await freeHandles()].join();

    await storm(${grants});
    await until(() => settled() && before.startsWith(footprint()))
      .catch(() => console.log('from', before, 'to', footprint()));
    console.log([footprint(), await freeHandles()].join() === before);
  `;
  expect(await run(source, '--expose-gc')).toMatchObject({
    status: 0,
    stderr: '',
    stdout: 'true\ntrue\ntrue',
  });
});
