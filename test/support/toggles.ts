// SPDX-License-Identifier: MIT
// Turns memory decode off and on while two threads read registers and one rings a doorbell.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Device, Doorbell } from '../../lib/index.js';

/** The outcomes of the reads of one thread. */
export interface Tally {
  read: number;
  failed: number;
  /** Reads of a wrong value, and errors other than ERR_VFIO_BUS. */
  wrong: number;
}

/**
 * A register of BAR 0 that always reads the same value, and a register to write, with the value that it reads
 * afterwards.
 */
export interface Registers {
  constant: number;
  value: number;
  doorbell: number;
  echo: (written: number) => number;
}

/** Reads until it is told to stop, in a worker to which the BAR was granted. */
const reader = `
  import { parentPort, workerData } from 'node:worker_threads';
  import { adopt } from 'vfio';
  const { token, constant, value, stop } = workerData;
  const device = adopt(token);
  const bar = device.bar(0);
  const tally = { read: 0, failed: 0, wrong: 0 };
  parentPort.postMessage('reads');
  while (Atomics.load(stop, 0) === 0) {
    try {
      if (bar.read32(constant) === value) tally.read++;
      else tally.wrong++;
    } catch ({ code }) {
      if (code === 'ERR_VFIO_BUS') tally.failed++;
      else tally.wrong++;
    }
  }
  device.close();
  parentPort.postMessage(tally);
`;

const memoryDecode = 0x2;

/**
 * Changes memory decode this many times, through the command register. After each change, this thread reads and rings
 * the doorbell. A worker reads all the time.
 */
export async function toggleUnderReaders(
  device: Device,
  toggles: number,
  registers: Registers,
): Promise<{ here: Tally; there: Tally }> {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const grant = device.grant({ regions: [device.bar(0)] });
  const worker = new Worker(reader, {
    eval: true,
    execArgv: ['--input-type=module'],
    workerData: { token: grant.token, constant: registers.constant, value: registers.value, stop },
  });
  await once(worker, 'message');
  const told = once(worker, 'message');
  // The event loop can report the worker's last message and its exit in the same turn, so listen for both now.
  const exited = once(worker, 'exit');
  const here = toggle(device, toggles, registers);
  Atomics.store(stop, 0, 1);
  const [there] = (await told) as [Tally];
  await exited;
  await grant.revoke();
  return { here, there };
}

function toggle(device: Device, toggles: number, registers: Registers): Tally {
  const { constant, value, doorbell, echo } = registers;
  const { config } = device;
  const bar = device.bar(0);
  const bell = bar.doorbell(doorbell);
  const on = config.command | memoryDecode;
  const tally = { read: 0, failed: 0, wrong: 0 };
  for (let change = 0; change < toggles; change++) {
    const answers = change % 2 === 1;
    config.command = answers ? on : on & ~memoryDecode;
    try {
      const right = bar.read32(constant) === value && answers;
      bell.write(change);
      if (right && bar.read32(doorbell) === echo(change)) tally.read++;
      else tally.wrong++;
    } catch (failure) {
      if (answers || codeOf(failure) !== 'ERR_VFIO_BUS') tally.wrong++;
      else tally.failed++;
    }
    if (!answers) ringInVain(bell, tally);
  }
  config.command = on;
  return tally;
}

/** Rings while memory decode is off. The write is lost; if native code makes the write, it also throws. */
function ringInVain(bell: Doorbell, tally: Tally): void {
  try {
    bell.write(0xffff_ffff);
  } catch (failure) {
    if (codeOf(failure) !== 'ERR_VFIO_BUS') tally.wrong++;
  }
}

function codeOf(failure: unknown): string | undefined {
  return (failure as NodeJS.ErrnoException).code;
}
