// SPDX-License-Identifier: MIT
// A mixed load of an NVMe controller and an edu, with a fault every few seconds. The controller writes and reads blocks
// that contain their own location, and the edu moves memory and raises interrupts. Whatever happens to either device,
// the written data must be there afterwards.
import { randomFillSync } from 'node:crypto';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Edu } from '../support/edu.js';
import { Growth, type Holdings, heldSince, holdings, nothing } from '../support/leak-budget.js';
import { type Fault, faults } from './mixed-faults.js';
import { LANES, Rig } from './mixed-rig.js';
import type { Figures, SoakCase } from './soak.js';
import { StampedDisk } from './stamped-disk.js';

/** How long the load runs before each fault, in milliseconds. */
const QUIET_MS = 2000;
/**
 * In milliseconds. The load itself delays the event loop, under emulation and on a computer that also does other work.
 * If the kernel's wait for a device blocked the loop, the delay would be longer. Without a load, test/vm sets a lower
 * limit.
 */
const LOADED_LAG_LIMIT_MS = 2000;
/** The bytes that edu moves at once. It has 4 KiB of its own memory, and the buffer has room for two transfers. */
const EDU_BYTES = 1024;

let rig: Rig;
let disk: StampedDisk;
let rounds: number;
let before: Holdings;
let growth: Growth;

async function prepare(): Promise<AsyncDisposable> {
  rig = await Rig.open();
  disk = new StampedDisk();
  rounds = 0;
  growth = new Growth();
  return rig;
}

async function round(): Promise<Figures> {
  const fault = faults[rounds++ % faults.length] as Fault;
  const delays = monitorEventLoopDelay({ resolution: 5 });
  delays.enable();
  const quiet = await load(undefined, () => sleep(QUIET_MS));
  const struck = await load(fault, () => fault.strike(rig));
  delays.disable();
  const maxLag = delays.max / 1e6;
  if (maxLag > LOADED_LAG_LIMIT_MS) throw new Error(`the event loop was blocked for ${maxLag} ms`);
  return { faults: 1, bytesVerified: quiet + struck, maxLag, ...(await leaks()) };
}

/**
 * Loads both devices while `work` runs, and returns how many bytes were verified. Operations that the fault hits may
 * fail.
 */
async function load(fault: Fault | undefined, work: () => Promise<unknown>): Promise<number> {
  let going = true;
  const verified = { bytes: 0 };
  const isGoing = () => going;
  const lanes = Array.from({ length: LANES }, (_, number) =>
    unlessHit(fault?.hits === 'nvme', runLane(number, isGoing, verified)),
  );
  const others = unlessHit(fault?.hits === 'edu', runEdu(isGoing, verified));
  const ended = Promise.allSettled([...lanes, others]);
  try {
    await work();
  } finally {
    going = false;
    await ended;
  }
  for (const one of await ended) if (one.status === 'rejected') throw one.reason;
  return verified.bytes;
}

/** Ignores errors with a code if the device was hit. A mismatch of data has no code, so it always fails. */
async function unlessHit(hit: boolean, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    const { code } = error as { code?: string };
    if (!hit || !code?.startsWith('ERR_')) throw error;
  }
}

async function runLane(
  number: number,
  isGoing: () => boolean,
  verified: { bytes: number },
): Promise<void> {
  const lane = { number, of: LANES };
  const { nvmeMemory } = rig;
  const namespace = rig.controller.namespace();
  while (isGoing()) {
    await disk.write(namespace, nvmeMemory, lane);
    verified.bytes += await disk.verify(namespace, nvmeMemory, lane);
  }
}

async function runEdu(isGoing: () => boolean, verified: { bytes: number }): Promise<void> {
  const { edu: device, eduMemory } = rig;
  const edu = new Edu(device);
  using set = device.enableInterrupts('msi');
  while (isGoing()) {
    const sent = eduMemory.u8.subarray(0, EDU_BYTES);
    const received = eduMemory.u8.subarray(EDU_BYTES, 2 * EDU_BYTES).fill(0);
    randomFillSync(sent);
    await edu.load(eduMemory.iova, EDU_BYTES);
    await edu.store(eduMemory.iova + BigInt(EDU_BYTES), EDU_BYTES);
    if (Buffer.compare(sent, received) !== 0)
      throw new Error('mismatch: edu wrote other bytes than it read');
    verified.bytes += EDU_BYTES;
    edu.raise(1);
    await set.vector(0).once({ timeout: 5000 });
    edu.acknowledge();
  }
}

/** All devices are open again, as after the first round of each fault, so the process must hold the same resources. */
async function leaks(): Promise<Figures> {
  if (rounds % faults.length !== 0) return {};
  await growth.sample(rounds);
  if (rounds === faults.length) {
    before = await holdings();
    return {};
  }
  const left = await heldSince(before);
  if (JSON.stringify(left) !== JSON.stringify(nothing)) {
    throw new Error(`left behind: ${JSON.stringify(left)}`);
  }
  return { leaks: 0, growth: growth.bytes };
}

export const mixedCase: SoakCase = {
  name: 'G/ reads, writes, DMA and interrupts with a fault every few seconds',
  prepare,
  round,
};
