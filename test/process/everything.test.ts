// SPDX-License-Identifier: MIT
// Everything that the library does, once each, in few programs. They are for valgrind, which makes every program
// twenty times slower (npm run test:valgrind).
import { expect, test } from '@jest/globals';
import { ended, everythingOpen, run } from './support.js';

const closed = '{"containers":0,"groups":0,"functions":0,"eventfds":0}';

test('everything: registers, memory and interrupts of a device are used, and it is closed', async () => {
  const source = `${everythingOpen}
    const failures = [];
    const refused = async (work) => {
      try { await work(); } catch ({ code }) { failures.push(code); }
    };
    for (const region of [device.bar(0), device.bar(1)]) {
      for (const width of [8, 16, 32]) region['write' + width](0, region['read' + width](0) ^ 1);
      region.write64(8, region.read64(8) ^ 1n);
      region.write32Flush(16, 5);
      await region.poll32(16, 7, 5);
      region.batch([{ offset: 0, width: 32 }, { offset: 4, width: 32, write: 1 }]).run();
      region.writeArray(32, Uint32Array.of(1, 2, 3));
      region.readArray(32, new Uint32Array(3));
      await refused(() => region.read32(2 ** 20));
    }
    device.bar(0).doorbell(64).write(7);
    hardware.setDecode(false);
    await refused(() => device.bar(0).read32(0));
    hardware.setDecode(true);
    hardware.dmaWrite(buffer.iova, Uint8Array.of(1, 2, 3));
    hardware.dmaRead(buffer.iova, 3);

    const [listened, awaited, waited, iterated] = [0, 1, 2, 3].map((index) => set.vector(index));
    let heard = 0;
    listened.on((count) => { heard += count; });
    hardware.raise(2, 0);
    await until(() => heard === 1);
    const wait = awaited.once();
    hardware.raise(2, 1);
    hardware.raise(2, 2);
    waited.waitSync();
    await refused(() => waited.waitSync(1));
    hardware.raise(2, 3);
    for await (const count of iterated) { heard += count; break; }
    heard += await wait;
    const interrupted = refused(() => awaited.once());

    await device.reset();
    await interrupted;
    let faults = 0;
    device.on('fault', () => faults++);
    hardware.notify({ fault: true });
    await until(() => faults === 1);
    await refused(() => openDevice(address));
    await refused(() => openDevice('0000:09:00.0'));
    await refused(() => container.allocDma(1));
    buffer.close();
    await container.close();
    console.log(heard, failures.join(), JSON.stringify(counts(machine)));
  `;
  const stdout = [
    '3 ERR_VFIO_RANGE,ERR_VFIO_RANGE,ERR_VFIO_BUS,ERR_VFIO_TIMEOUT,ERR_VFIO_CLOSED',
    `ERR_VFIO_BUSY,ENODEV,ERR_VFIO_ALIGN ${closed}`,
  ].join();
  expect(await run(source)).toMatchObject({ ...ended, stdout });
});

test('everything: a worker adopts parts of a device, and others end with everything open and under way', async () => {
  const source = `${everythingOpen}
    const grant = device.grant({ regions: [device.bar(0)], vectors: [set.vector(1)], memory: [buffer] });
    const adopter = startWorker(\`
      const device = adopt(workerData);
      device.bar(0).write32(0, device.memory[0].u32[0]);
      const count = device.vector(1).once();
      parentPort.postMessage('adopted');
      parentPort.postMessage(await count);
      await once(parentPort, 'message');
    \`, grant.token);
    await once(adopter, 'message');
    hardware.raise(2, 1);
    await once(adopter, 'message');
    await grant.revoke();
    await adopter.terminate();
    await container.close();

    for (const stage of ['opening', 'resetting', 'closing']) {
      const worker = startWorker(\`
        const [id, stage] = workerData;
        const hardware = joinMachine(id).device(address);
        if (stage === 'opening') hardware.opening.hold();
        const opening = openDevice(address);
        if (stage !== 'opening') {
          const device = await opening;
          device.busMaster = true;
          device.allocDma(4096).u8.fill(1);
          const set = device.enableInterrupts('msix', { count: 2 });
          set.vector(0).on(() => {});
          set.vector(1).once().catch(() => {});
          hardware[stage].hold();
          if (stage === 'resetting') device.reset();
          else device.close();
        }
        hardware[stage].awaitArrival();
        parentPort.postMessage('under way');
        await once(parentPort, 'message');
      \`, [machine.id, stage]);
      await once(worker, 'message');
      await worker.terminate();
      hardware[stage].release();
      await until(() => isFree(machine));
    }
    console.log(JSON.stringify(counts(machine)));
  `;
  expect(await run(source)).toMatchObject({ ...ended, stdout: closed });
});

test('everything: a process ends with everything open', async () => {
  const source = `${everythingOpen} set.vector(0).once(); device.reset(); process.exit(3);`;
  expect(await run(source)).toMatchObject({ status: 3, signal: null, stderr: '' });
});
