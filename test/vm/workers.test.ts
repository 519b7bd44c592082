// SPDX-License-Identifier: MIT
// Workers that drive queues of one NVMe controller, on real kernel VFIO. They run in separate programs, because a
// worker under jest would not find the modules.
import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { nvme } from '../../vm/devices.js';
import { describeOn } from '../support/subject.js';

/** Writes and reads block `id` repeatedly, until its queue is taken back. */
const worker = `
  import { parentPort, workerData } from 'node:worker_threads';
  import { borrowQueue } from './dist/lib/nvme/lent-queue.js';
  const { device, namespace, data } = borrowQueue(workerData);
  const codes = new Set();
  let rounds = 0;
  while (!device.closed) {
    try {
      data.u32[0] = ++rounds;
      await namespace.write(workerData.id, data, 0, 512);
      await namespace.read(workerData.id, data, 512, 512);
      if (data.u32[128] !== rounds) codes.add('wrong data');
    } catch ({ code }) {
      codes.add(code);
    }
    if (rounds === 10) parentPort.postMessage('works');
  }
  parentPort.postMessage([...codes].join());
`;

const program = `
  import { once } from 'node:events';
  import { Worker } from 'node:worker_threads';
  import { bindDevice, openDevice } from 'vfio';
  import { Controller } from './dist/lib/nvme/controller.js';
  const [address] = process.argv.slice(-1);
  const binding = await bindDevice(address);
  const device = await openDevice(address);
  const controller = await Controller.open(device, { lentQueues: 2 });
  const lend = async (id) => {
    const loan = await controller.lendQueue(id, 4096);
    const execArgv = ['--input-type=module'];
    const worker = new Worker(${JSON.stringify(worker)}, { eval: true, workerData: loan.offer, execArgv });
    await once(worker, 'message');
    return { worker, loan };
  };
  const check = (message, ...more) => {
    const expected = ['', 'ERR_VFIO_CLOSED', 'ERR_NVME_STATUS', ...more];
    const as = message.split(',').every((code) => expected.includes(code));
    console.log(as ? 'as expected' : message);
  };
  const [first, second] = await Promise.all([lend(2), lend(3)]);
  // One worker is told to end, the other is terminated; both under load.
  const told = once(first.worker, 'message');
  await Promise.all([first.loan.end(), second.worker.terminate().then(() => second.loan.end())]);
  check((await told)[0]);
  const last = await lend(2);
  const message = once(last.worker, 'message');
  await device.reset();
  check((await message)[0], 'ERR_VFIO_BUSY');
  await controller.close();
  await device.close();
  await binding.restore();
`;

describeOn({ backend: 'type1', device: 'nvme' }, 'workers on nvme', () => {
  test('two workers drive a queue each at once, by examples/nvme/workers.ts', () => {
    const output = execFileSync(process.execPath, ['dist/examples/nvme/workers.js']).toString();
    expect(output).toBe(
      'queue 2, by interrupts: 1 MiB at LBA 2093056: the same\n' +
        'queue 3, by interrupts: 1 MiB at LBA 2091008: the same\n',
    );
  });

  test('queues are taken back from busy and from ended workers, and lent again', () => {
    const args = ['--input-type=module', '--eval', program, nvme.address];
    const output = execFileSync(process.execPath, args).toString();
    expect(output).toBe('as expected\nas expected\n');
  });
});
