// SPDX-License-Identifier: MIT
// Disables, enables and shuts down a controller (NVMe Base Specification 2.0, 3.5.1, 3.6.1, 3.7.2). The registers are
// CC and CSTS.
import { CQE_DWORDS, SQE_DWORDS } from './commands.js';
import { NvmeError } from './errors.js';
import type { DeviceMemory } from './prp.js';
import type { QueuePair } from './queue.js';
import { type NvmeRegisters, REGISTERS, SHN_NORMAL, SHST_COMPLETE } from './registers.js';
import { refuseFatal, waitFor } from './waiting.js';

/** CAP.TO and the fields of CRTO count in units of this many milliseconds. */
const TIMEOUT_UNIT = 500;
/** The limit of a shutdown, in milliseconds, for controllers that do not report RTD3E. */
const SHUTDOWN_TIMEOUT = 10_000;

/** A controller level reset: clears CC.EN, and waits until CSTS.RDY is 0. Then the controller accesses no memory. */
export async function disable(registers: NvmeRegisters): Promise<void> {
  if (registers.CC.EN === 1) {
    // EN must not be cleared before a previous enable has finished (3.1.3.5) or failed.
    await waitFor(registers, {
      name: 'become ready',
      ...readyLimit(registers),
      reached: ({ RDY, CFS }) => RDY === 1 || CFS === 1,
    });
    registers.CC.set({ EN: 0 });
  }
  await waitFor(registers, {
    name: 'stop',
    ...stopLimit(registers),
    reached: ({ RDY }) => RDY === 0,
  });
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
  await waitFor(registers, {
    name: 'become ready',
    ...readyLimit(registers),
    reached: (csts) => {
      refuseFatal(registers, csts);
      return csts.RDY === 1;
    },
  });
}

/**
 * A normal shutdown: the controller writes its caches to the medium (3.6.1). `rtd3e` is the time that the controller
 * reports for this, in microseconds; 0 if it reports none.
 */
export async function shutdown(registers: NvmeRegisters, rtd3e: number): Promise<void> {
  registers.CC.set({ SHN: SHN_NORMAL });
  await waitFor(registers, {
    name: 'shut down',
    ...(rtd3e > 0
      ? { limit: Math.ceil(rtd3e / 1000), limitSource: 'RTD3E' }
      : { limit: SHUTDOWN_TIMEOUT, limitSource: 'it reports no RTD3E' }),
    reached: (csts) => {
      refuseFatal(registers, csts);
      return csts.SHST === SHST_COMPLETE;
    },
  });
}

function addressOf(memory: DeviceMemory): bigint {
  return (BigInt(memory.high(0)) << 32n) | BigInt(memory.low(0));
}

/** The longest time until the controller is ready: CRTO.CRWMT if it has one, and never less than CAP.TO. */
function readyLimit(registers: NvmeRegisters): { limit: number; limitSource: string } {
  const byTo = stopLimit(registers);
  if (registers.CAP.CRMS === 0) return byTo;
  const limit = registers.CRTO.CRWMT * TIMEOUT_UNIT;
  return limit > byTo.limit ? { limit, limitSource: 'CRTO.CRWMT' } : byTo;
}

/** The longest time until the controller has stopped. CAP.TO can be 0, and then it counts as 1. */
function stopLimit(registers: NvmeRegisters): { limit: number; limitSource: string } {
  return { limit: Math.max(1, registers.CAP.TO) * TIMEOUT_UNIT, limitSource: 'CAP.TO' };
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
