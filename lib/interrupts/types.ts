// SPDX-License-Identifier: MIT
// The types of interrupts of a PCI function (INTx, MSI, MSI-X), and the kernel's facts about each.
import type { NativeIrqInfo } from '../native.js';

/** The only table of the types, by their names in the API. */
const types = {
  intx: { index: 0, isLevel: true },
  msi: { index: 1, isLevel: false },
  msix: { index: 2, isLevel: false },
} as const;

/**
 * The type of an interrupt: `intx` (a level on a shared line), `msi` or `msix` (`VFIO_PCI_INTX_IRQ_INDEX`,
 * `VFIO_PCI_MSI_IRQ_INDEX`, `VFIO_PCI_MSIX_IRQ_INDEX`).
 */
export type InterruptType = keyof typeof types;

/** The names of all types. */
export const interruptTypes = Object.keys(types) as readonly InterruptType[];

/** Returns the kernel's index of a type (`VFIO_PCI_*_IRQ_INDEX`). */
export function interruptIndex(type: InterruptType): number {
  return types[type].index;
}

/** Returns the type with this index; undefined if it is none of a function's own. */
export function interruptTypeOf(index: number | undefined): InterruptType | undefined {
  return interruptTypes.find((type) => types[type].index === index);
}

/** Whether the type is a level interrupt, which the kernel masks each time it is raised. */
export function isLevel(type: InterruptType): boolean {
  return types[type].isLevel;
}

/** The facts about one type of interrupt of a device (`VFIO_DEVICE_GET_IRQ_INFO`). */
export interface InterruptInfo {
  /** How many vectors the device has; 0 if it has none of this type. */
  readonly count: number;
  /** Whether mask() and unmask() work (`VFIO_IRQ_INFO_MASKABLE`). */
  readonly maskable: boolean;
  /**
   * Whether the kernel masks the interrupt each time it is raised, until it is unmasked
   * (`VFIO_IRQ_INFO_AUTOMASKED`).
   */
  readonly autoMasked: boolean;
  /** Whether vectors can be added while some are armed (`VFIO_IRQ_INFO_NORESIZE` is not set). */
  readonly resizable: boolean;
}

const flag = { maskable: 2, autoMasked: 4, noResize: 8 };

/**
 * Makes the facts about one type from the kernel's flags. A device that does not know the type has no vectors
 * of it.
 */
export function interruptInfo(irq: NativeIrqInfo | undefined): InterruptInfo {
  const { count, flags } = irq ?? { count: 0, flags: flag.noResize };
  return Object.freeze({
    count,
    maskable: (flags & flag.maskable) !== 0,
    autoMasked: (flags & flag.autoMasked) !== 0,
    resizable: (flags & flag.noResize) === 0,
  });
}
