// SPDX-License-Identifier: MIT
// Opens a device that does not answer, for which the kernel waits minutes.
import { type Binding, bindDevice, openDevice } from '../../lib/index.js';
import { nvme, rootPort } from '../../vm/devices.js';
import { LAG_LIMIT_MS, measureLag } from '../support/lag.js';
import { removed } from '../support/removal.js';
import { SlotPower } from '../support/slot-power.js';
import type { Figures, SoakCase } from './soak.js';

let binding: Binding;

async function prepare(): Promise<AsyncDisposable> {
  binding = await bindDevice(nvme.address);
  return { [Symbol.asyncDispose]: () => binding.restore() };
}

async function round(): Promise<Figures> {
  const slot = new SlotPower(rootPort);
  await slot.off();
  try {
    const { result, lag } = await measureLag(refusalOfOpen);
    if (result !== 'ERR_VFIO_LOST') throw new Error(`the open ended with ${result}`);
    if (lag > LAG_LIMIT_MS) throw new Error(`the event loop was blocked for ${lag} ms`);
    return { maxLag: lag };
  } finally {
    await slot.on();
    // The device has lost its BARs, and the kernel does not know.
    await removed.take(nvme);
    binding = await removed.bringBack(nvme, binding);
  }
}

async function refusalOfOpen(): Promise<string | undefined> {
  try {
    await (await openDevice(nvme.address)).close();
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

export const slowOpenCase: SoakCase = {
  name: 'F20/ a device that does not answer is opened: the kernel waits for minutes',
  prepare,
  round,
};
