// SPDX-License-Identifier: MIT
// The measurements inside the test machine, which bench/vm.ts starts: real BARs and real ioctls. It writes its results
// as lines of JSON to the file that VFIO_VM_RESULTS names.
import { appendFileSync } from 'node:fs';
import { bindDevice, openDevice } from 'vfio';
import { edu, nvme, pair } from '../vm/devices.js';
import { deviceRegisters } from './cases/device-registers.js';
import { dmaMaps } from './cases/dma.js';
import { readsAndWrites } from './cases/reads-and-writes.js';
import type { Place } from './cases/registers.js';
import { sequences } from './cases/sequences.js';
import { conditions } from './conditions.js';
import { bench } from './native.js';
import { findProcessors, pinThread } from './processors.js';
import type { Machine, Result } from './report.js';
import type { Effort } from './rounds.js';

/** One line of the output of this program. */
export interface GuestLine {
  readonly machine: Machine;
  readonly results: readonly Result[];
}

/** Below 0x80, edu has only 32-bit registers. At 0x80 is the source address of its DMA, with 64 bits. */
const eduPlaces: readonly Place[] = [
  { width: 32, read: 0x00, write: 0x04 },
  { width: 64, read: 0x80, write: 0x80 },
];
/** VS and CAP. They are only read: a write to one of the controller's registers could change its state. */
const nvmePlaces: readonly Place[] = [
  { width: 32, read: 0x08 },
  { width: 64, read: 0x00 },
];

const quick = process.argv.includes('--quick');
const effort: Effort = quick
  ? { rounds: 5, nanoseconds: 100_000, warmUp: 1e8 }
  : { rounds: 50, nanoseconds: 500_000, warmUp: 5e8 };
const maps = quick ? 2 : 8;

const machine: Machine = { ...conditions('type1'), pinned: pinThread(findProcessors()) };

function report(results: readonly Result[]): void {
  const line: GuestLine = { machine, results };
  appendFileSync(process.env.VFIO_VM_RESULTS as string, `${JSON.stringify(line)}\n`);
}

async function measureEdu(): Promise<void> {
  await using _ = await bindDevice(edu.address);
  await using registers = deviceRegisters(await openDevice(edu.address), eduPlaces);
  report(await readsAndWrites(registers, effort));
  report(await sequences(registers, effort));
}

async function measureNvme(): Promise<void> {
  await using _ = await bindDevice(nvme.address);
  await using registers = deviceRegisters(await openDevice(nvme.address), nvmePlaces);
  report(await readsAndWrites(registers, effort, 'nvme.'));
}

/** Uses two groups, so that the twin has a container of its own. */
async function measureMaps(): Promise<void> {
  const [other] = pair;
  await using _ = await bindDevice(edu.address);
  await using __ = await bindDevice(other.address);
  const group = await groupOf(other.address);
  await using device = await openDevice(edu.address);
  report(dmaMaps(device.container, bench.openContainer(group), maps));
}

async function groupOf(address: string): Promise<number> {
  await using device = await openDevice(address);
  return device.info.group as number;
}

await measureEdu();
await measureNvme();
await measureMaps();
// The kernel closes the twin's container when this process ends.
