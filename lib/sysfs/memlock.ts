// SPDX-License-Identifier: MIT
// How much memory this process may lock, and has locked.
import { readText } from './files.js';

/** What a process may lock, and has locked, in bytes. */
export interface Memlock {
  allowed: number;
  locked: number;
}

/** From /proc/self; undefined where it does not say. */
export function readMemlock(root = ''): Memlock | undefined {
  const limits = readText(`${root}/proc/self/limits`) ?? '';
  const soft = /^Max locked memory\s+(\d+|unlimited)\s/m.exec(limits)?.[1];
  if (soft === undefined) return undefined;
  const status = readText(`${root}/proc/self/status`) ?? '';
  return {
    allowed: soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft),
    // VFIO type1 counts what it pins as locked, iommufd as pinned.
    locked: kilobytes(status, 'VmLck') + kilobytes(status, 'VmPin'),
  };
}

function kilobytes(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
}
