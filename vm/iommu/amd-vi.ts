// SPDX-License-Identifier: MIT
// Decodes the lines in which AMD's IOMMU (AMD-Vi) says that it stopped a device.
import { type FaultReason, fullAddress, type IommuFault } from './fault.js';

// "vfio-pci 0000:01:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0001 address=0x1000 flags=0x0020]". If the kernel
// does not know the device, the line begins with AMD-Vi, and `device=01:00.0` comes before the domain.
const pattern =
  /(?:([\da-f]{4}:[\da-f:.]+): )?AMD-Vi: Event logged \[IO_PAGE_FAULT (?:device=([\da-f:.]+) )?domain=\w+ address=0x([\da-f]+) flags=0x([\da-f]+)/;

/** The flags of an IO_PAGE_FAULT (AMD I/O Virtualization Technology Specification, 2.5.3). */
const flag = { interrupt: 1 << 3, present: 1 << 4, write: 1 << 5, permission: 1 << 6 };

export function decodeAmdVi(line: string): IommuFault | undefined {
  const [, named, numbered, iova, text] = pattern.exec(line) ?? [];
  const flags = Number.parseInt(text ?? '', 16);
  if (iova === undefined || (flags & flag.interrupt) !== 0) return undefined;
  return {
    device: fullAddress(numbered ?? named ?? 'a device'),
    access: accessOf(flags),
    iova: BigInt(`0x${iova}`),
    isPage: false,
    reason: reasonOf(flags),
  };
}

/** The bit for writes is valid only if the page is present. Without it the access is not known. */
function accessOf(flags: number): IommuFault['access'] {
  if ((flags & flag.write) !== 0) return 'write';
  return (flags & flag.present) !== 0 ? 'read' : undefined;
}

function reasonOf(flags: number): FaultReason {
  if ((flags & flag.present) === 0) return 'not-mapped';
  return (flags & flag.permission) !== 0 ? 'forbidden' : 'other';
}
