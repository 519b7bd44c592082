// SPDX-License-Identifier: MIT
// Says in words what an IOMMU stopped, and which buffer of the program was nearest.
import { deviceName } from '../devices.js';
import type { ProgramBuffer } from './buffers.js';
import type { FaultReason, IommuFault } from './fault.js';
import { findFaults, leavesFaultsOut } from './faults.js';
import { describeNearest } from './nearest.js';

/** The faults in a kernel log, each once, or nothing if there are none. */
export function reportFaults(log: string, buffers: readonly ProgramBuffer[]): string {
  const counts = new Map<string, number>();
  for (const { line, fault } of findFaults(log)) {
    const text = fault === undefined ? line : describe(fault, buffers);
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  if (counts.size === 0) return '';
  const all = [...counts].map(([text, count]) => (count === 1 ? text : `${text} (${count} times)`));
  if (leavesFaultsOut(log))
    all.push('There were more: the kernel logs only a few in five seconds.');
  return `-- stopped by the IOMMU --\n${all.join('\n')}\n`;
}

function describe(fault: IommuFault, buffers: readonly ProgramBuffer[]): string {
  const { access = 'access', iova, isPage, reason } = fault;
  const name = deviceName(fault.device);
  const device = name === undefined ? fault.device : `${fault.device} (${name})`;
  const place = `${isPage ? 'the page at ' : ''}IOVA 0x${iova.toString(16)}`;
  return `${device} tried to ${access} ${place}: ${reasons[reason](access)}.\n  ${describeNearest(fault, buffers)}`;
}

const reasons: Readonly<Record<FaultReason, (may: string) => string>> = {
  'not-mapped': (may) => `nothing is mapped there that it may ${may}`,
  forbidden: (may) => `what is mapped there, it may not ${may}`,
  'out-of-reach': () => 'the address has more bits than the IOMMU translates',
  detached: () => 'it has no DMA mappings: it was not open, or it was closed',
  other: () => 'the IOMMU did not translate it',
};
