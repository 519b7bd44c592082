// SPDX-License-Identifier: MIT
// Why a hot reset was refused.
import type { AffectedDevice } from '../device-info.js';
import type { NativeFailure } from '../native.js';
import { isVfioDriver, readDevice } from '../pci.js';
import { callFailed, codeOf, diagnosed } from './failure.js';
import type { Finding } from './finding.js';

/** Awaits a hot reset of these; its failure becomes an error that says which is in the way. */
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

/** What the hot reset of these was refused for. */
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
