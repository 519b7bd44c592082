// SPDX-License-Identifier: MIT
// Finds the lines of a kernel log in which an IOMMU says that it stopped a device.
import { decodeAmdVi } from './amd-vi.js';
import { decodeDmar } from './dmar.js';
import type { IommuFault } from './fault.js';
import { decodeContextFault, decodeEvent, linesOfEvent } from './smmu.js';

/** A line of the log; one that cannot be decoded has no fault. */
export interface FaultLine {
  readonly line: string;
  readonly fault: IommuFault | undefined;
}

const isFault =
  /DMAR: ?\[(DMA|INTR)|AMD-Vi: Event logged|arm-smmu.*(Unhandled context fault|event 0x\w+ received)/;

/** All in a kernel log, in its order. A line that is there twice, as the log and the console have it, counts once. */
export function findFaults(log: string): FaultLine[] {
  const lines = log.split('\n');
  return lines.flatMap((line, index) => {
    if (!isFault.test(line) || lines.indexOf(line) !== index) return [];
    const after = lines.slice(index + 1, index + 1 + linesOfEvent);
    const fault =
      decodeDmar(line) ?? decodeAmdVi(line) ?? decodeContextFault(line) ?? decodeEvent(line, after);
    return [{ line, fault }];
  });
}

const suppressed = /(dmar|iommu|smmu)\w*: \d+ callbacks suppressed/;
/** VT-d: the line of each fault comes after this one. */
const announced = /DMAR: DRHD: handling fault status/;

/** Whether the kernel left faults out of its log. On VT-d it logs about three in five seconds. */
export function leavesFaultsOut(log: string): boolean {
  const lines = log.split('\n');
  return lines.some((line, index) => {
    return suppressed.test(line) || (announced.test(line) && !isFault.test(lines[index + 1] ?? ''));
  });
}
