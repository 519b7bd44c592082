// SPDX-License-Identifier: MIT
// What this process holds: its descriptors, its mappings of devices, its locked memory.
import { readdirSync, readFileSync } from 'node:fs';

/** The numbers of the descriptors that this process has open. One of them is the listing's own. */
export function openDescriptors(): string[] {
  return readdirSync('/proc/self/fd');
}

/** The mappings of devices in this process; what a closed one has left has no name (leak-budget.ts counts all). */
export function deviceMappings(): string[] {
  return readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.includes('vfio'));
}

/** How much memory this process has locked, in bytes. */
export function lockedMemory(): number {
  const kilobytes = /^VmLck:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return Number(kilobytes) * 1024;
}
