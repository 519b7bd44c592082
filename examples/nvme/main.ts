// SPDX-License-Identifier: MIT
// An NVMe controller driven from TypeScript: reset, enable, identify, and with --write I/O.
// Needs: an NVMe controller behind an IOMMU that nothing uses, and the rights to bind it (root).
// Run:   node dist/examples/nvme/main.js [ADDRESS] [--write]     or: npm run example:nvme
// Prints the identity of the controller and its namespaces, and whether it read back what it wrote.
import { randomFillSync } from 'node:crypto';
import { parseArgs } from 'node:util';
import { bindDevice, listDevices, openDevice } from 'vfio';
import { Controller, type Namespace } from 'vfio/nvme';
import { identityTable } from './table.js';

const NVME_CLASS = 0x010802;
const SCRATCH_BYTES = 2 ** 20;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { write: { type: 'boolean', default: false } },
});
const address = positionals[0] ?? (await listDevices({ classCode: NVME_CLASS }))[0]?.address;
if (address === undefined) throw new Error('There is no NVMe controller on this machine');

// These close in the opposite order, so the controller shuts down while its device is still open.
await using _binding = await bindDevice(address);
await using device = await openDevice(address, { addressBits: 64 }); // NVMe pointers have 64 bits
await using controller = await Controller.open(device);

console.log(identityTable(controller));
if (values.write) await tryScratchArea(controller.namespace());
console.log(`${controller.interrupts} interrupts`);

/** Writes the last MiB of a namespace, reads it back, and restores the previous data. */
async function tryScratchArea(namespace: Namespace): Promise<void> {
  const lba = Number(namespace.identity.nsze) - SCRATCH_BYTES / namespace.blockBytes;
  using before = device.allocDma(SCRATCH_BYTES);
  using written = device.allocDma(SCRATCH_BYTES);
  using read = device.allocDma(SCRATCH_BYTES);
  await namespace.read(lba, before);
  try {
    randomFillSync(written.u8);
    await namespace.write(lba, written);
    await namespace.flush();
    await namespace.read(lba, read);
  } finally {
    await namespace.write(lba, before);
    await namespace.flush();
  }
  const same = Buffer.compare(written.u8, read.u8) === 0;
  console.log(`wrote and read 1 MiB at LBA ${lba}: ${same ? 'the same' : 'DIFFERENT'}`);
  if (!same) process.exitCode = 1;
}
