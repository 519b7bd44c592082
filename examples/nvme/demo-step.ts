// SPDX-License-Identifier: MIT
// What both processes of the demo share: opening the controller, and reporting the transfer.
import { readlinkSync } from 'node:fs';
import { release } from 'node:os';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { bindDevice, type Device, type DmaBuffer, listDevices, openDevice } from 'vfio';
import { Controller, type Namespace } from 'vfio/nvme';
import { DEMO_BYTES, PIECE_BYTES } from './demo-data.js';
import { type DemoStep, inTestMachine, report, reportProgress } from './demo-report.js';
import { identityTable } from './table.js';

/** The work of one process: it moves 64 MiB between `memory` and the namespace, starting at LBA 0. */
export type Transfer = (
  namespace: Namespace,
  memory: DmaBuffer,
  seed: number,
) => Promise<Pick<DemoStep, 'sha256' | 'seconds'>>;

const NVME_CLASS = 0x010802;

/** Opens the controller, allocates 64 MiB of zeroed memory, runs `transfer`, and reports the result. */
export async function runStep(step: DemoStep['step'], transfer: Transfer): Promise<void> {
  const { values } = parseArgs({
    options: { seed: { type: 'string', default: '1' }, address: { type: 'string' } },
  });
  const address = values.address ?? (await testController());

  await using _binding = await bindDevice(address);
  await using device = await openDevice(address, { addressBits: 64 }); // NVMe pointers have 64 bits
  await using controller = await Controller.open(device);
  using memory = device.allocDma(DEMO_BYTES);
  if (step === 'write') console.log(identityTable(controller));
  const moved = await transfer(controller.namespace(), memory, Number(values.seed));
  console.log(`${step === 'write' ? 'wrote' : step} ${DEMO_BYTES} bytes sha256=${moved.sha256}`);
  report({
    step,
    bytes: DEMO_BYTES,
    ...moved,
    interrupts: controller.interrupts,
    ...hostOf(device),
  });
}

/** The controller of the test machine. On any other machine, the user must name the disk to overwrite. */
export async function testController(): Promise<string> {
  if (!inTestMachine) {
    throw new Error(
      'Name a controller whose content may be lost, with --address: ' +
        'the demo overwrites the first 64 MiB of its namespace',
    );
  }
  const [controller] = await listDevices({ classCode: NVME_CLASS });
  if (controller === undefined) throw new Error('There is no NVMe controller on this machine');
  return controller.address;
}

/** Calls `move` for each piece of the data and reports progress. Returns the seconds it took. */
export async function timePieces(
  doing: string,
  move: (offset: number, bytes: number) => Promise<void>,
): Promise<number> {
  const start = performance.now();
  for (let at = 0; at < DEMO_BYTES; at += PIECE_BYTES) {
    await move(at, PIECE_BYTES);
    reportProgress({ doing, done: at + PIECE_BYTES, total: DEMO_BYTES });
  }
  return (performance.now() - start) / 1000;
}

/** The driver and group that sysfs shows while the device is open. */
function hostOf(device: Device): Pick<DemoStep, 'kernel' | 'driver' | 'group'> {
  const path = `/sys/bus/pci/devices/${device.address}`;
  return {
    kernel: release(),
    driver: basename(readlinkSync(`${path}/driver`)),
    group: Number(basename(readlinkSync(`${path}/iommu_group`))),
  };
}
