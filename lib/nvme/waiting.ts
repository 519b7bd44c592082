// SPDX-License-Identifier: MIT
// Waits for CSTS. `until` of the register waits for one set of values, but each wait here has several ends.
import { setTimeout as sleep } from 'node:timers/promises';
import { NvmeError } from './errors.js';
import { type NvmeRegisters, REGISTERS } from './registers.js';

/** The fields of CSTS. */
export type ControllerStatus = ReturnType<NvmeRegisters['CSTS']['get']>;

/** If a register reads all ones, the device is gone. */
const GONE = 0xffff_ffff;

/** A change of the controller's state that CSTS announces. */
export interface Change {
  /** Completes the sentence "The controller did not …". */
  readonly name: string;
  /** In milliseconds. */
  readonly limit: number;
  /** Where the limit is from. */
  readonly limitSource: string;
  /** Whether CSTS shows that it has happened. It can throw. */
  readonly reached: (csts: ControllerStatus) => boolean;
}

/** Reads CSTS every millisecond until the change has happened. */
export async function waitFor(registers: NvmeRegisters, change: Change): Promise<void> {
  const deadline = performance.now() + change.limit;
  for (;;) {
    // Read before the clock: after the deadline there is one more read.
    const late = performance.now() > deadline;
    const csts = registers.CSTS.read();
    if (csts === GONE) throw goneError();
    if (change.reached(REGISTERS.CSTS.decode(csts))) return;
    if (late) throw lateError(registers, change, csts);
    await sleep(1);
  }
}

/** Throws if the controller reports that it cannot continue. */
export function refuseFatal(registers: NvmeRegisters, { CFS }: ControllerStatus): void {
  if (CFS === 0) return;
  const message = `The controller reports a fatal status (CSTS.CFS): ${state(registers)}`;
  throw new NvmeError('ERR_NVME_FATAL', message, {
    hint: 'controller.reset() is the recovery that the specification names. If that fails, use device.reset()',
  });
}

function goneError(): NvmeError {
  return new NvmeError('ERR_NVME_FATAL', 'CSTS reads all ones: the device is gone', {
    hint: 'Close the device. Open it again when it is present and has power',
  });
}

function lateError(registers: NvmeRegisters, change: Change, csts: number): NvmeError {
  const { name, limit, limitSource } = change;
  const seen = state(registers, csts);
  const message = `The controller did not ${name} within ${limit} ms (${limitSource}): ${seen}`;
  return new NvmeError('ERR_NVME_TIMEOUT', message, {
    hint: 'Reset the whole function with device.reset(), and open the controller again. If that does not help, the device needs a power cycle',
  });
}

/** The registers that say what the controller was told, and where it is. */
function state(registers: NvmeRegisters, csts: number = registers.CSTS.read()): string {
  return `${registers.CC.describe()}; ${REGISTERS.CSTS.describe(csts)}`;
}
