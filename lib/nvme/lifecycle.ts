// SPDX-License-Identifier: MIT
// Disables, enables and shuts down a controller (NVMe Base Specification 2.0, 3.5.1, 3.6.1, 3.7.2). The registers are
// CC and CSTS.
import { setTimeout as sleep } from 'node:timers/promises';
import { CQE_DWORDS, SQE_DWORDS } from './commands.js';
import { NvmeError } from './errors.js';
import type { QueuePair } from './queue.js';
import {
  AQA,
  CAP,
  CC,
  CSTS,
  compose,
  field,
  type Registers,
  SHN_NORMAL,
  SHST_COMPLETE,
} from './registers.js';

/** If a register reads all ones, the device is gone. */
const GONE = 0xffff_ffff;

/** A controller level reset: clears CC.EN, and waits until CSTS.RDY is 0. Then the controller accesses no memory. */
export async function disable(registers: Registers): Promise<void> {
  const cc = Number(registers.read('CC'));
  if (field(cc, CC.EN) === 1) {
    // EN must not be cleared before a previous enable has finished (3.1.3.5) or failed.
    const settled = (csts: number) => field(csts, CSTS.RDY) === 1 || field(csts, CSTS.CFS) === 1;
    await waitFor(registers, settled, readyTimeout(registers), 'become ready');
    registers.write('CC', (cc & ~1) >>> 0);
  }
  const stopped = (csts: number) => field(csts, CSTS.RDY) === 0;
  await waitFor(registers, stopped, readyTimeout(registers), 'stop');
}

/** Steps 3 to 5 of 3.5.1: sets the admin queues, the settings and CC.EN. The controller must be disabled. */
export async function enable(registers: Registers, admin: QueuePair): Promise<void> {
  requireSupport(registers);
  const size = admin.entries - 1;
  registers.write('AQA', compose([AQA.ASQS, size], [AQA.ACQS, size]));
  registers.write64('ASQ', admin.sq.low(0), admin.sq.high(0));
  registers.write64('ACQ', admin.cq.low(0), admin.cq.high(0));
  // CSS 0: the NVM command set; AMS 0: round robin; MPS 0: pages of 4 KiB.
  const settings = compose(
    [CC.IOSQES, Math.log2(SQE_DWORDS * 4)],
    [CC.IOCQES, Math.log2(CQE_DWORDS * 4)],
    [CC.EN, 1],
  );
  registers.write('CC', settings);
  await waitFor(registers, ready, readyTimeout(registers), 'become ready');
}

function ready(csts: number): boolean {
  refuseFatal(csts);
  return field(csts, CSTS.RDY) === 1;
}

/** A normal shutdown: the controller writes its caches to the medium (3.6.1). `limit` is in milliseconds. */
export async function shutdown(registers: Registers, limit: number): Promise<void> {
  const cc = Number(registers.read('CC'));
  const others = cc & ~compose([CC.SHN, 3]);
  registers.write('CC', (others | compose([CC.SHN, SHN_NORMAL])) >>> 0);
  const finished = (csts: number) => {
    refuseFatal(csts);
    return field(csts, CSTS.SHST) === SHST_COMPLETE;
  };
  await waitFor(registers, finished, limit, 'shut down');
}

/** CAP.TO in milliseconds; the register counts in units of 500 ms. */
function readyTimeout(registers: Registers): number {
  return Math.max(1, registers.get('CAP', CAP.TO)) * 500;
}

function requireSupport(registers: Registers): void {
  if (registers.get('CAP', CAP.CSS_NVM) === 0) {
    throw new NvmeError('ERR_NVME_UNSUPPORTED', 'The controller has no NVM command set (CAP.CSS)');
  }
  if (registers.get('CAP', CAP.MPSMIN) > 0) {
    throw new NvmeError('ERR_NVME_UNSUPPORTED', 'The controller has no 4 KiB pages (CAP.MPSMIN)');
  }
}

function refuseFatal(csts: number): void {
  if (field(csts, CSTS.CFS) === 1) {
    throw new NvmeError('ERR_NVME_FATAL', 'The controller reports a fatal status (CSTS.CFS)');
  }
}

async function waitFor(
  registers: Registers,
  reached: (csts: number) => boolean,
  limit: number,
  what: string,
): Promise<void> {
  const deadline = performance.now() + limit;
  for (;;) {
    const csts = Number(registers.read('CSTS'));
    if (csts === GONE) {
      throw new NvmeError('ERR_NVME_FATAL', 'CSTS reads all ones: the device is gone');
    }
    if (reached(csts)) return;
    if (performance.now() > deadline) {
      throw new NvmeError('ERR_NVME_TIMEOUT', `The controller did not ${what} within ${limit} ms`);
    }
    await sleep(1);
  }
}
