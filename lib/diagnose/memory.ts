// SPDX-License-Identifier: MIT
// Finds out why memory was not mapped for DMA.
import type { NativeFailure } from '../native.js';
import { readMemlock } from '../sysfs/memlock.js';
import { callFailed, codeOf, diagnosed } from './failure.js';
import type { Finding } from './finding.js';

/** Maps memory. A failure becomes an error that says why and what to do. */
export function mapMemory<T>(work: () => T, bytes: number): T {
  try {
    return work();
  } catch (failure) {
    throw mapError(failure, bytes);
  }
}

/** The same as {@link mapMemory}, for work that runs on another thread. */
export async function mapMemoryAsync<T>(work: () => Promise<T>, bytes: number): Promise<T> {
  try {
    return await work();
  } catch (failure) {
    throw mapError(failure, bytes);
  }
}

function mapError(failure: unknown, bytes: number): unknown {
  return diagnosed(failure, (native) => diagnoseMap(native, bytes));
}

/** Finds out why the memory was not mapped. */
export function diagnoseMap(failure: NativeFailure, bytes: number, root = ''): Finding {
  const isMap = 'errno' in failure && failure.request === 'VFIO_IOMMU_MAP_DMA';
  if (!isMap || codeOf(failure) !== 'ENOMEM') return callFailed(failure);
  const memlock = readMemlock(root);
  const isLimited = memlock !== undefined && memlock.locked + bytes > memlock.allowed;
  return isLimited
    ? { finding: 'memlock', bytes, ...memlock, pid: process.pid }
    : { finding: 'out-of-memory' };
}
