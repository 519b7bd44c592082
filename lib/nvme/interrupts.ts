// SPDX-License-Identifier: MIT
// Chooses the interrupts of a controller: which type, and how many vectors.
import { type Device, type InterruptSet, type InterruptType, VfioError } from 'vfio';
import { NvmeError } from './errors.js';

/** The best type first: a message names its vector, but INTx is one line for all queues. */
const TYPES: readonly InterruptType[] = ['msix', 'msi', 'intx'];

type Interrupting = Pick<Device, 'address' | 'interruptInfo' | 'enableInterrupts'>;

/** Arms a vector for each queue, or one for all. Uses the best type unless `wanted` names one. */
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
    // The device has enough vectors but the host does not: MSI without interrupt remapping gets one.
    if (!(error instanceof VfioError && error.code === 'ERR_VFIO_UNSUPPORTED')) throw error;
    return device.enableInterrupts(type, { count: 1 });
  }
}
