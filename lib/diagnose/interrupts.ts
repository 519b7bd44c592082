// SPDX-License-Identifier: MIT
// Finds out why interrupts were not armed.
import type { InterruptType } from '../interrupts/types.js';
import type { NativeFailure } from '../native.js';
import { devicePath } from '../pci.js';
import { readNumber, readText } from '../sysfs/files.js';
import { interruptUsers } from '../sysfs/interrupt-users.js';
import { callFailed, codeOf, diagnosed } from './failure.js';
import type { Finding } from './finding.js';

/** Arms interrupts. A failure becomes an error that says why and what to do. */
export function armInterrupts<T>(work: () => T, address: string, type: InterruptType): T {
  try {
    return work();
  } catch (failure) {
    throw diagnosed(failure, (native) => diagnoseArm(native, address, type), address);
  }
}

const maskParameter = '/sys/module/vfio_pci/parameters/nointxmask';

/** Finds out why the interrupts were not armed. */
export function diagnoseArm(
  failure: NativeFailure,
  address: string,
  type: InterruptType,
  root = '',
): Finding {
  const line = readNumber(`${root}${devicePath(address)}/irq`);
  if (codeOf(failure) !== 'EBUSY' || type !== 'intx' || line === undefined) {
    return callFailed(failure);
  }
  const isMaskOff = readText(root + maskParameter) === 'Y';
  const steps = isMaskOff ? [{ path: maskParameter, value: 'N' }] : [];
  return { finding: 'shared-line', address, line, users: interruptUsers(line, root), steps };
}
