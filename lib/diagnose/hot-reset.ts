// SPDX-License-Identifier: MIT
// Finds out why a hot reset was refused.
import type { AffectedDevice } from '../affected-device.js';
import type { NativeFailure } from '../native.js';
import { isVfioDriver, readDevice } from '../pci.js';
import { callFailed, codeOf, diagnosed } from './failure.js';
import type { Finding } from './finding.js';

/** Awaits a hot reset of these devices. A failure becomes an error that says which device or group prevents it. */
export async function awaitHotReset(
  work: () => Promise<void>,
  address: string,
  affected: readonly AffectedDevice[],
): Promise<void> {
  try {
    await work();
  } catch (failure) {
    throw diagnosed(failure, (native) => diagnoseHotReset(native, affected), address);
  }
}

/** Finds out why the hot reset of these devices was refused. */
export function diagnoseHotReset(
  failure: NativeFailure,
  affected: readonly AffectedDevice[],
  root = '',
): Finding {
  if (codeOf(failure) === 'ERR_VFIO_UNSUPPORTED') {
    return { finding: 'hot-reset-not-held', affected: [...affected] };
  }
  const devices = affected
    .map(({ address }) => readDevice(address, root))
    .filter((device) => device !== undefined)
    .filter(({ driver }) => !isVfioDriver(driver));
  if (codeOf(failure) !== 'EINVAL' || devices.length === 0) return callFailed(failure);
  return { finding: 'hot-reset-not-bound', devices };
}
