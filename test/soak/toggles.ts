// SPDX-License-Identifier: MIT
// The soak case that turns memory decode off and on under readers in two threads.
import { bindDevice, type Device, openDevice } from '../../lib/index.js';
import { edu } from '../../vm/devices.js';
import { eduRegisters } from '../support/edu.js';
import { toggleUnderReaders } from '../support/toggles.js';
import type { Figures, SoakCase } from './soak.js';

/** Under emulation, this many take a second or two. */
const TOGGLES = 1000;

let device: Device;

async function prepare(): Promise<AsyncDisposable> {
  const binding = await bindDevice(edu.address);
  device = await openDevice(edu.address);
  return {
    async [Symbol.asyncDispose]() {
      await device.close();
      await binding.restore();
    },
  };
}

async function round(): Promise<Figures> {
  const { here, there } = await toggleUnderReaders(device, TOGGLES, eduRegisters);
  const wrong = here.wrong + there.wrong;
  if (wrong > 0) throw new Error(`${wrong} accesses returned a wrong value or a wrong error`);
  return {
    toggles: TOGGLES,
    reads: here.read + there.read,
    busErrors: here.failed + there.failed,
  };
}

export const toggleCase: SoakCase = {
  name: 'F2/ memory decode goes off and on under readers in two threads',
  prepare,
  round,
  promised: 100,
};
