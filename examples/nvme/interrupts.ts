// SPDX-License-Identifier: MIT
// How the controller announces completions: which type of interrupt, and how many vectors of it.
import { type Device, type InterruptSet, type InterruptType, VfioError } from 'vfio';
import { NvmeError } from './errors.js';

/** The best first: messages carry the vector, INTx is one line for all. */
const TYPES: readonly InterruptType[] = ['msix', 'msi', 'intx'];

type Interrupting = Pick<Device, 'address' | 'interruptInfo' | 'enableInterrupts'>;

/** Arms a vector for each queue, or one for all; of the best type where none is wanted. */
export function armVectors(device: Interrupting, wanted?: InterruptType, queues = 2): InterruptSet {
  const countOf = (type: InterruptType) => device.interruptInfo(type).count;
  const type = wanted ?? TYPES.find((each) => countOf(each) > 0);
  if (type === undefined || countOf(type) === 0) {
    const lacking = type ?? `interrupts (${TYPES.join(', ')})`;
    throw new NvmeError('ERR_NVME_UNSUPPORTED', `${device.address} has no ${lacking}`);
  }
  if (countOf(type) === 1) return device.enableInterrupts(type, { count: 1 });
  try {
    return device.enableInterrupts(type, { count: Math.min(queues, countOf(type)) });
  } catch (error) {
    // The device has them, the host has not: MSI without interrupt remapping gets one.
    if (!(error instanceof VfioError && error.code === 'ERR_VFIO_UNSUPPORTED')) throw error;
    return device.enableInterrupts(type, { count: 1 });
  }
}
