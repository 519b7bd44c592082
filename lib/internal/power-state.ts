// SPDX-License-Identifier: MIT
// Reads and changes the power state of a function, through the power management capability of its config space.
import {
  type PowerState,
  powerControl,
  powerStates,
  stateOf,
} from '../capabilities/power-management.js';
import type { ConfigSpace } from '../config-space.js';
import { unsupportedError } from '../errors.js';
import { oneOf } from './validate.js';

/** The bits of PMCSR that a change of state must not write back: the state, and PME_Status, which a 1 clears. */
const notKept = 0x8003;

/** The power state. A function without the capability is always in D0. */
export function readPowerState(config: ConfigSpace): PowerState {
  return config.capability('powerManagement')?.state ?? 'D0';
}

/** Changes the power state. The write returns when the kernel has made the change. */
export function writePowerState(config: ConfigSpace, address: string, state: PowerState): void {
  oneOf('powerState', state, powerStates);
  const found = config.capability('powerManagement');
  const states = found?.states ?? ['D0'];
  if (!states.includes(state)) {
    const hint = `Its power states are ${states.join(', ')}.`;
    throw unsupportedError(`${address} has no power state ${state}`, address, hint);
  }
  if (found === undefined) return;
  const register = found.offset + powerControl;
  config.write16(register, (config.read16(register) & ~notKept) | powerStates.indexOf(state));
  const reached = stateOf(config.read16(register));
  if (reached !== state) {
    const hint = 'The kernel or the device refused the change. The kernel log may say why.';
    throw unsupportedError(`${address} stays in ${reached} instead of ${state}`, address, hint);
  }
}
