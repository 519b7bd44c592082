// SPDX-License-Identifier: MIT
// The ways a PCI function interrupts, and what the kernel says about each.
import type { NativeIrqInfo } from '../native.js';

/** The one table of the ways there are, by their names in the API. */
const types = {
  intx: { index: 0, isLevel: true },
  msi: { index: 1, isLevel: false },
  msix: { index: 2, isLevel: false },
} as const;

/** The ways a PCI function interrupts (`VFIO_PCI_INTX_IRQ_INDEX`, `_MSI_`, `_MSIX_`). */
export type InterruptType = keyof typeof types;

/** Their names. */
export const interruptTypes = Object.keys(types) as readonly InterruptType[];

/** The kernel's number of a way (`VFIO_PCI_*_IRQ_INDEX`). */
export function interruptIndex(type: InterruptType): number {
  return types[type].index;
}

/** Whether the way with this number is a level, which the kernel masks at each interrupt. */
export function isLevel(index: number | undefined): boolean {
  return Object.values(types).some((type) => type.index === index && type.isLevel);
}

/** What the kernel says about one way (`VFIO_DEVICE_GET_IRQ_INFO`). */
export interface InterruptInfo {
  /** How many vectors there are; 0 when the device has none. */
  readonly count: number;
  /** `VFIO_IRQ_INFO_MASKABLE`: mask() and unmask() work. */
  readonly maskable: boolean;
  /** `VFIO_IRQ_INFO_AUTOMASKED`: masked by the kernel at each interrupt, until unmasked. */
  readonly autoMasked: boolean;
  /** Not `VFIO_IRQ_INFO_NORESIZE`: vectors can be added while some are armed. */
  readonly resizable: boolean;
}

const flag = { maskable: 2, autoMasked: 4, noResize: 8 };

/** One way's facts from the kernel's flags; a device that does not know it has none of it. */
export function interruptInfo(irq: NativeIrqInfo | undefined): InterruptInfo {
  const { count, flags } = irq ?? { count: 0, flags: flag.noResize };
  return Object.freeze({
    count,
    maskable: (flags & flag.maskable) !== 0,
    autoMasked: (flags & flag.autoMasked) !== 0,
    resizable: (flags & flag.noResize) === 0,
  });
}
