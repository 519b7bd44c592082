// SPDX-License-Identifier: MIT
// Reads how much memory this process may lock, and how much it has locked.
import { readText } from './files.js';

/** The memory that a process may lock, and has locked, in bytes. */
export interface Memlock {
  allowed: number;
  locked: number;
}

/** Reads the limit and the use from /proc/self; undefined if the limit is not there. */
export function readMemlock(root = ''): Memlock | undefined {
  const limits = readText(`${root}/proc/self/limits`) ?? '';
  const soft = /^Max locked memory\s+(\d+|unlimited)\s/m.exec(limits)?.[1];
  if (soft === undefined) return undefined;
  const status = readText(`${root}/proc/self/status`) ?? '';
  return {
    allowed: soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft),
    // VFIO type1 counts the memory that it pins as locked (VmLck), iommufd as pinned (VmPin).
    locked: kilobytes(status, 'VmLck') + kilobytes(status, 'VmPin'),
  };
}

function kilobytes(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
}
