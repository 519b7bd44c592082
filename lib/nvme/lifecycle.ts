// SPDX-License-Identifier: MIT
// Disables, enables and shuts down a controller (NVMe Base Specification 2.0, 3.5.1, 3.6.1, 3.7.2). The registers are
// CC and CSTS.
import { setTimeout as sleep } from 'node:timers/promises';
import { CQE_DWORDS, SQE_DWORDS } from './commands.js';
import { NvmeError } from './errors.js';
import type { DeviceMemory } from './prp.js';
import type { QueuePair } from './queue.js';
import { type NvmeRegisters, REGISTERS, SHN_NORMAL, SHST_COMPLETE } from './registers.js';

/** If a register reads all ones, the device is gone. */
const GONE = 0xffff_ffff;

type Status = ReturnType<NvmeRegisters['CSTS']['get']>;

/** A controller level reset: clears CC.EN, and waits until CSTS.RDY is 0. Then the controller accesses no memory. */
export async function disable(registers: NvmeRegisters): Promise<void> {
  if (registers.CC.EN === 1) {
    // EN must not be cleared before a previous enable has finished (3.1.3.5) or failed.
    const settled = ({ RDY, CFS }: Status) => RDY === 1 || CFS === 1;
    await waitFor(registers, settled, readyTimeout(registers), 'become ready');
    registers.CC.set({ EN: 0 });
  }
  await waitFor(registers, ({ RDY }) => RDY === 0, readyTimeout(registers), 'stop');
}

/** Steps 3 to 5 of 3.5.1: sets the admin queues, the settings and CC.EN. The controller must be disabled. */
export async function enable(registers: NvmeRegisters, admin: QueuePair): Promise<void> {
  requireSupport(registers);
  const size = admin.entries - 1;
  registers.AQA.write(REGISTERS.AQA.encode({ ASQS: size, ACQS: size }));
  registers.ASQ.write(addressOf(admin.sq));
  registers.ACQ.write(addressOf(admin.cq));
  // CSS 0: the NVM command set; AMS 0: round robin; MPS 0: pages of 4 KiB.
  const settings = REGISTERS.CC.encode({
    IOSQES: Math.log2(SQE_DWORDS * 4),
    IOCQES: Math.log2(CQE_DWORDS * 4),
    EN: 1,
  });
  registers.CC.write(settings);
  await waitFor(registers, ready, readyTimeout(registers), 'become ready');
}

function ready(status: Status): boolean {
  refuseFatal(status);
  return status.RDY === 1;
}

/** A normal shutdown: the controller writes its caches to the medium (3.6.1). `limit` is in milliseconds. */
export async function shutdown(registers: NvmeRegisters, limit: number): Promise<void> {
  registers.CC.set({ SHN: SHN_NORMAL });
  const finished = (status: Status) => {
    refuseFatal(status);
    return status.SHST === SHST_COMPLETE;
  };
  await waitFor(registers, finished, limit, 'shut down');
}

function addressOf(memory: DeviceMemory): bigint {
  return (BigInt(memory.high(0)) << 32n) | BigInt(memory.low(0));
}

/** CAP.TO in milliseconds; the register counts in units of 500 ms. */
function readyTimeout(registers: NvmeRegisters): number {
  return Math.max(1, registers.CAP.TO) * 500;
}

function requireSupport(registers: NvmeRegisters): void {
  const { CSS, MPSMIN } = registers.CAP.get();
  if ((CSS & 1) === 0) {
    throw new NvmeError('ERR_NVME_UNSUPPORTED', 'The controller has no NVM command set (CAP.CSS)');
  }
  if (MPSMIN > 0) {
    throw new NvmeError('ERR_NVME_UNSUPPORTED', 'The controller has no 4 KiB pages (CAP.MPSMIN)');
  }
}

function refuseFatal({ CFS }: Status): void {
  if (CFS === 1) {
    throw new NvmeError('ERR_NVME_FATAL', 'The controller reports a fatal status (CSTS.CFS)');
  }
}

async function waitFor(
  registers: NvmeRegisters,
  reached: (csts: Status) => boolean,
  limit: number,
  what: string,
): Promise<void> {
  const deadline = performance.now() + limit;
  for (;;) {
    const csts = registers.CSTS.read();
    if (csts === GONE) {
      throw new NvmeError('ERR_NVME_FATAL', 'CSTS reads all ones: the device is gone');
    }
    if (reached(REGISTERS.CSTS.decode(csts))) return;
    if (performance.now() > deadline) {
      throw new NvmeError('ERR_NVME_TIMEOUT', `The controller did not ${what} within ${limit} ms`);
    }
    await sleep(1);
  }
}
