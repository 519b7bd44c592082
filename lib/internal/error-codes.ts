// SPDX-License-Identifier: MIT
// The one list of error codes that the library explains. docs/errors.md has a heading for each.

/** What follows from a code alone. */
interface Meaning {
  /** Native code means a wrong number by it: its error is a RangeError. */
  isRange?: true;
  /** What to do next. */
  hint?: string;
}

/** The library's own codes. */
export const libraryCodes = {
  /** Something was used after it, or its owner, was closed. */
  ERR_VFIO_CLOSED: {},
  /** A reset or a close is in flight, or another holder is in the way. */
  ERR_VFIO_BUSY: {},
  /** A number lies outside what the call accepts (a RangeError). */
  ERR_VFIO_RANGE: { isRange: true },
  /** A number is not a multiple of what the call needs (a RangeError). */
  ERR_VFIO_ALIGN: { isRange: true },
  /** Not a PCI address (a TypeError), or one of another group (a RangeError). */
  ERR_VFIO_ADDRESS: {},
  /** The device is not bound to a VFIO driver. */
  ERR_VFIO_NOT_BOUND: {},
  /** Another device of the IOMMU group is bound to a kernel driver. */
  ERR_VFIO_NOT_VIABLE: {},
  /** No IOMMU isolates the device. */
  ERR_VFIO_NO_IOMMU: {},
  /** An IOVA was asked for before the container's first device was opened. */
  ERR_VFIO_NO_DEVICE: {
    hint: 'Open a device in this container first: its IOMMU decides which IOVAs there are.',
  },
  /** The kernel or the device does not have it. */
  ERR_VFIO_UNSUPPORTED: {},
  /** A register access failed on the bus: memory decode off, the device asleep (D3) or gone. */
  ERR_VFIO_BUS: {},
  /** Message-signalled interrupts were asked for while bus master is off. */
  ERR_VFIO_BUS_MASTER: {
    hint:
      'Set `device.busMaster = true` first: message-signalled interrupts are DMA writes and would ' +
      'never arrive.',
  },
  /** The device is gone. */
  ERR_VFIO_LOST: {},
  /** It took longer than allowed. */
  ERR_VFIO_TIMEOUT: {},
  /** A handle was used in a thread that does not own it. */
  ERR_VFIO_WRONG_THREAD: {},
  /** The system is not Linux, or the native code could not be loaded. */
  ERR_VFIO_PLATFORM: {},
  /** This process uses another copy of the package already. */
  ERR_VFIO_DUPLICATE: {
    hint:
      'Two copies would not know what the other has open. `npm ls vfio` shows who brings which version, ' +
      '`npm dedupe` makes one of those that agree.',
  },
  /** Data of the kernel or the device contradicts its specification. */
  ERR_VFIO_PROTOCOL: {},
} satisfies Record<string, Meaning>;

/** What follows from this code, if it is one of the library's own. */
export function meaningOf(code: string): Meaning | undefined {
  return (libraryCodes as Record<string, Meaning>)[code];
}

/** Codes of a TypeError for a wrong argument, as Node has them. */
export const argumentCodes = ['ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_VALUE'] as const;

/** The errnos that docs/errors.md explains; the others share one heading. */
export const explainedErrnos = [
  'EACCES',
  'EPERM',
  'EAGAIN',
  'EBUSY',
  'ENOMEM',
  'ENOSPC',
  'EEXIST',
  'EFAULT',
  'EINVAL',
  'EIO',
  'ENODEV',
  'ENOENT',
  'EBADF',
  'ENOTTY',
  'EMFILE',
  'ENFILE',
] as const;
