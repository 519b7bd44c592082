// SPDX-License-Identifier: MIT
// The resources of this process: its descriptors, its mappings of devices, its locked memory.
import { readdirSync, readFileSync } from 'node:fs';

/** The numbers of the descriptors that this process has open. One of them belongs to the listing itself. */
export function openDescriptors(): string[] {
  return readdirSync('/proc/self/fd');
}

/**
 * The mappings of devices in this process. What a closed device leaves mapped has no name, so it is not here
 * (leak-budget.ts counts all mappings).
 */
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
