// SPDX-License-Identifier: MIT
// One NVMe controller driven by two workers at once, each with an I/O queue pair of its own.
// Needs: an NVMe controller behind an IOMMU that nothing uses, and the rights to bind it (root).
// Run:   node dist/examples/nvme/workers.js [ADDRESS]     or: npm run example:workers
// Prints whether each worker read back what it wrote to a scratch area. The area is restored.
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { bindDevice, listDevices, openDevice } from 'vfio';
import { borrowQueue, Controller, type QueueOffer } from 'vfio/nvme';

const NVME_CLASS = 0x010802;
const AREA_BYTES = 2 ** 20;

if (isMainThread) await main();
else parentPort?.postMessage(await tryArea(workerData));

async function main(): Promise<void> {
  const address = process.argv[2] ?? (await listDevices({ classCode: NVME_CLASS }))[0]?.address;
  if (address === undefined) throw new Error('There is no NVMe controller on this machine');
  await using _binding = await bindDevice(address);
  await using device = await openDevice(address, { addressBits: 64 }); // NVMe pointers have 64 bits
  await using controller = await Controller.open(device, { lentQueues: 2 });
  const loans = await Promise.all([2, 3].map((id) => controller.lendQueue(id, 3 * AREA_BYTES)));
  const workers = loans.map(
    ({ offer }) => new Worker(new URL(import.meta.url), { workerData: offer }),
  );
  const messages = await Promise.all(workers.map((worker) => once(worker, 'message')));
  for (const [message] of messages) console.log(message);
  if (messages.some(([message]) => !message.endsWith(': the same'))) process.exitCode = 1;
}

/** In a worker: fills its own area with random data, reads it back, and restores the previous data. */
async function tryArea(offer: QueueOffer): Promise<string> {
  const { device, namespace, data } = borrowQueue(offer);
  const bytes = AREA_BYTES;
  const lba = Number(namespace.identity.nsze) - (offer.id * bytes) / namespace.blockBytes;
  const [before, written, read] = [0, bytes, 2 * bytes];
  await namespace.read(lba, data, before, bytes);
  try {
    randomFillSync(data.u8, written, bytes);
    await namespace.write(lba, data, written, bytes);
    await namespace.flush();
    await namespace.read(lba, data, read, bytes);
  } finally {
    await namespace.write(lba, data, before, bytes);
    await namespace.flush();
  }
  const same = data.u8.subarray(written, read).every((byte, i) => byte === data.u8[read + i]);
  const interrupts = device.vector(offer.vector).count;
  device.close();
  const result = same ? 'the same' : 'DIFFERENT';
  return `queue ${offer.id}, ${interrupts > 0 ? 'by interrupts' : 'silent'}: 1 MiB at LBA ${lba}: ${result}`;
}
