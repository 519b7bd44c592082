// SPDX-License-Identifier: MIT
// The one list of error codes that the library explains. docs/errors.md has a heading for each.

/** The facts that follow from a code alone. */
interface Meaning {
  /** If native code reports this code, a number is wrong: the error is a RangeError. */
  isRange?: true;
  /** What to do next. */
  hint?: string;
}

/** The library's own codes. */
export const libraryCodes = {
  /** The object or its owner is closed. */
  ERR_VFIO_CLOSED: {},
  /** Another operation is in progress, or something else uses the device. */
  ERR_VFIO_BUSY: {},
  /** A number lies outside the range that the call accepts (a RangeError). */
  ERR_VFIO_RANGE: { isRange: true },
  /** A number must be a multiple of another number (a RangeError). */
  ERR_VFIO_ALIGN: { isRange: true },
  /** The string is not a PCI address (a TypeError), or the device is in another group (a RangeError). */
  ERR_VFIO_ADDRESS: {},
  /** No device matches the filter. */
  ERR_VFIO_NOT_FOUND: {},
  /** Several devices match the filter of a call that needs one. */
  ERR_VFIO_AMBIGUOUS: {},
  /** The device is not bound to a VFIO driver. */
  ERR_VFIO_NOT_BOUND: {},
  /** Another device of the IOMMU group is bound to a kernel driver. */
  ERR_VFIO_NOT_VIABLE: {},
  /** No IOMMU isolates the device. */
  ERR_VFIO_NO_IOMMU: {},
  /** The container has no IOVAs yet, because no device of it has been opened. */
  ERR_VFIO_NO_DEVICE: {
    hint: 'Open a device in this container first. The IOMMU in front of the device decides which IOVAs exist.',
  },
  /** The kernel or the device does not support this. */
  ERR_VFIO_UNSUPPORTED: {},
  /** A register access failed on the bus: memory decode is off, the device sleeps (D3), or it is gone. */
  ERR_VFIO_BUS: {},
  /** MSI or MSI-X was to be armed while bus master is off. */
  ERR_VFIO_BUS_MASTER: {
    hint:
      'Set `device.busMaster = true` first. MSI and MSI-X are DMA writes, so they cannot arrive ' +
      'while bus master is off.',
  },
  /** The device is gone. */
  ERR_VFIO_LOST: { hint: 'Close the device. When it is back, open it again.' },
  /** The operation took longer than the caller allowed. */
  ERR_VFIO_TIMEOUT: {},
  /** The object belongs to another thread. */
  ERR_VFIO_WRONG_THREAD: {
    hint: 'To use a device in another thread, call device.grant() in its thread and adopt() in the other one.',
  },
  /** The system is not Linux, or the native code could not be loaded. */
  ERR_VFIO_PLATFORM: {},
  /** Another copy of this package has already opened something in this process. */
  ERR_VFIO_DUPLICATE: {
    hint:
      'Each copy would keep its own record of what is open. `npm ls vfio` shows which packages depend on which ' +
      'version. `npm dedupe` merges compatible versions into one copy.',
  },
  /** Data from the kernel or the device contradicts its specification. */
  ERR_VFIO_PROTOCOL: {},
} satisfies Record<string, Meaning>;

/** The facts that follow from a code, if it is one of the library's own. */
export function meaningOf(code: string): Meaning | undefined {
  return (libraryCodes as Record<string, Meaning>)[code];
}

/** The codes of a TypeError for a wrong argument. They are Node's own codes. */
export const argumentCodes = ['ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_VALUE'] as const;

/** The errnos that docs/errors.md explains. All others share one heading there. */
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
