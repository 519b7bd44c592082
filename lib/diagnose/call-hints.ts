// SPDX-License-Identifier: MIT
// The hints that follow from the failed call and its errno alone, or from the code of the failure.
import { errnoName } from '../errors.js';
import { meaningOf } from '../internal/error-codes.js';
import type { NativeFailure } from '../native.js';

function mustReferTo(node: string): string {
  return `The descriptor must refer to ${node}.`;
}

const deviceInUse =
  'The kernel or another process is working on one of the affected devices (see device.hotResetInfo()). Try again.';

/** The meaning of a failed call. Without a summary, the message has the platform's words for the errno. */
export interface CallExplanation {
  summary?: string;
  hint: string | undefined;
}

/** A hint, or a summary and a hint if the words for the errno mislead, or the reason why there is no hint. */
type Row = string | Required<CallExplanation> | { none: string };

/** A row without a hint, with the reason. */
function none(why: string): Row {
  return { none: why };
}

const fromSysfs = none(
  'diagnose/open.ts finds the cause in sysfs and /proc, which says more than the errno',
);
const closingOnly = none('happens only while closing, and there is nothing to do');
const notSent = none('the library checks this before the call');
const defect = none(
  'contradicts what the kernel reported before: a defect of the library or of the kernel',
);
const answered = none('is an answer, not a failure: there is no such region, interrupt or reset');

const files = {
  EMFILE: 'This process has too many open files. Close some, or raise the limit (`ulimit -n`).',
  ENFILE: 'The system has too many open files. Close some, or raise fs.file-max (sysctl).',
};
const noRoom =
  'The system is out of memory, or the mapping exceeds the memory limit of this process or its cgroup.';

/**
 * The explanations, by the name of the failed ioctl or system call, then by errno. Every pair that the kernel is known
 * to return has a row. For any other pair, the error has the kernel's words alone: a guess would mislead.
 */
export const callHints: Record<string, Record<string, Row>> = {
  VFIO_IOMMU_MAP_DMA: {
    EEXIST: {
      summary: 'A part of this IOVA range is mapped already',
      hint: 'Leave out `iova`, and the library finds a free range, or first close the buffer that uses it.',
    },
    EINVAL:
      'The IOVA lies outside container.info.iovaRanges, or it is not a multiple of the IOMMU page size.',
    ENOSPC: {
      summary: 'The container has no mappings left',
      hint:
        'It has 65535, unless vfio_iommu_type1.dma_entry_limit sets another number. Allocate fewer, larger buffers, ' +
        'and divide them yourself.',
    },
    EFAULT: {
      summary: 'The kernel could not pin the memory',
      hint: 'Nothing of the buffer stays pinned. The kernel log (`dmesg`) may say why.',
    },
    ENOMEM: none('diagnose/memory.ts compares the limit on locked memory with what is locked'),
  },
  VFIO_IOMMU_UNMAP_DMA: { EINVAL: defect, ENOENT: defect, EIO: defect },
  VFIO_IOMMU_GET_INFO: { EINVAL: defect },
  fcntl: {
    ...files,
    EBADF:
      'No file is open under this descriptor number in this process. /proc/self/fd lists the open files.',
  },
  VFIO_GET_API_VERSION: {
    EINVAL: mustReferTo('/dev/vfio/vfio'),
    ENOTTY: mustReferTo('/dev/vfio/vfio'),
  },
  VFIO_GROUP_GET_STATUS: {
    EINVAL: mustReferTo('the node of a group, /dev/vfio/N'),
    ENOTTY: mustReferTo('the node of a group, /dev/vfio/N'),
  },
  VFIO_SET_IOMMU: {
    EINVAL:
      'The container descriptor that you passed is in use already. Pass a container that has no groups yet.',
    EPERM:
      'The platform has no interrupt remapping. A device behind the IOMMU could still raise any interrupt of the ' +
      'machine. To accept that risk, as root: ' +
      'echo Y > /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts',
  },
  VFIO_GROUP_SET_CONTAINER: {
    EPERM: fromSysfs,
    EINVAL: none(
      'means several things: the group is in a container already, or the descriptor is not a container',
    ),
    ENODEV: fromSysfs,
    EBUSY: 'The group is already in another container. Close that container first.',
  },
  VFIO_GROUP_UNSET_CONTAINER: { EBUSY: closingOnly, EINVAL: closingOnly, EIO: closingOnly },
  VFIO_GROUP_GET_DEVICE_FD: {
    ...files,
    ENODEV: fromSysfs,
    EINVAL: fromSysfs,
    EPERM: fromSysfs,
    EACCES: fromSysfs,
    EIO: none('what failed in the device is in the kernel log only, and the errno does not say'),
  },
  VFIO_DEVICE_GET_INFO: { EINVAL: defect },
  VFIO_DEVICE_GET_REGION_INFO: { EINVAL: answered },
  VFIO_DEVICE_GET_IRQ_INFO: { EINVAL: answered },
  VFIO_DEVICE_SET_IRQS: {
    EBUSY: none(
      'diagnose/interrupts.ts names the line and its users, for INTx; of another type nothing is known',
    ),
    EBADF: none('the eventfds are those of the library, which keeps them open'),
    ENOTTY: notSent,
    EINVAL:
      'The device does not have all of these vectors (see device.interruptInfo()), or another interrupt type is armed.',
    ENOSPC: {
      summary: 'The system has no interrupt vectors left',
      hint: 'Arm fewer vectors, or close devices that have many.',
    },
  },
  VFIO_DEVICE_RESET: {
    EAGAIN:
      'If the kernel wants the device back (the `request` event), close the device. If the kernel is resetting it ' +
      'itself, try again.',
    EINVAL: {
      summary: 'The device has no reset that affects only this device (see device.info.resettable)',
      hint: 'device.hotReset() resets its whole slot or bus.',
    },
    ENOTTY: {
      summary: 'The kernel reset the device, but the device did not come back in time',
      hint: '`dmesg` says how long the kernel waited. Try device.hotReset(), which resets its whole slot or bus.',
    },
  },
  VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: {
    ENODEV: answered,
    ENOSPC: none('asks for a longer list, and the library asks again with one'),
    EPERM:
      'A device on the same bus is not in an IOMMU group, so VFIO does not allow a reset of the bus.',
  },
  VFIO_DEVICE_PCI_HOT_RESET: {
    EAGAIN: deviceInUse,
    EBUSY: deviceInUse,
    EINVAL: none('diagnose/hot-reset.ts names the devices that are in the way'),
    ENODEV: answered,
    EPERM: none('depends on who owns the other groups, which the kernel does not tell'),
    ENOTTY: {
      summary: 'The kernel gave up: neither a slot reset nor a bus reset worked',
      hint:
        'Either the link did not come back in time (`dmesg` says so), or the kernel cannot reset this slot at all, ' +
        'for example because ACPI hot-plug controls its power. Do not rely on the state of the devices. Close them, ' +
        'then remove and rescan them through sysfs, or switch the power of the slot off and on.',
    },
  },
  open: {
    ...files,
    ENOENT: fromSysfs,
    ENODEV: fromSysfs,
    ENXIO: fromSysfs,
    EACCES: fromSysfs,
    EPERM: fromSysfs,
    EBUSY: fromSysfs,
  },
  readlink: {
    ENOENT: fromSysfs,
    EACCES: none('sysfs is readable unless a security module forbids it'),
  },
  eventfd: files,
  epoll_create1: files,
  flock: { ENOLCK: none('the words for this errno say it: no locks are available') },
  mmap: { ENOMEM: noRoom, EINVAL: defect },
  mremap: { ENOMEM: noRoom },
  munmap: { ENOMEM: closingOnly },
  madvise: { ENOMEM: noRoom, EINVAL: none('the kernel was built without this advice') },
  poll: { ENOMEM: noRoom },
  pread: {
    EIO: none('internal/access.ts names the access; the device did not answer it'),
    EINVAL: none('internal/access.ts says when the region has no such access'),
  },
  pwrite: {
    EIO: none('internal/access.ts names the access; the device did not answer it'),
    EINVAL: none('internal/access.ts says when the region has no such access'),
  },
  uname: { EFAULT: defect },
};

/** The explanation that follows from the failed call alone. */
export function explainCall(failure: NativeFailure): CallExplanation {
  if (!('errno' in failure)) return { hint: meaningOf(failure.code)?.hint };
  const call = failure.request === '' ? failure.syscall : failure.request;
  const row = callHints[call]?.[errnoName(failure.errno)];
  if (typeof row === 'string') return { hint: row };
  return row === undefined || 'none' in row ? { hint: undefined } : row;
}
