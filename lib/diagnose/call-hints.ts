// SPDX-License-Identifier: MIT
// What to do next, by the call that failed and its errno, or by the code of the failure.
import { errnoName } from '../errors.js';
import { meaningOf } from '../internal/error-codes.js';
import type { NativeFailure } from '../native.js';

function notA(node: string): string {
  return `The descriptor has to be one of ${node}.`;
}

const atWork = 'The kernel, or another process, is at work on one of hotResetInfo(): try again.';

/** By the request or system call that failed, then by errno. */
const table: Record<string, Record<string, string>> = {
  VFIO_IOMMU_MAP_DMA: {
    EEXIST:
      'A part of this IOVA range is mapped already: leave `iova` out, or close that buffer first.',
    EINVAL:
      'The IOVA lies outside container.info.iovaRanges, or is not a multiple of the IOMMU page size.',
    ENOSPC:
      'The container has no mapping left (65535 by default, vfio_iommu_type1.dma_entry_limit): ' +
      'map fewer, larger buffers.',
    EFAULT: 'The kernel could not pin the memory.',
  },
  fcntl: {
    EBADF: 'Nothing is open under this number in this process; see /proc/self/fd.',
  },
  VFIO_GET_API_VERSION: {
    EINVAL: notA('/dev/vfio/vfio'),
    ENOTTY: notA('/dev/vfio/vfio'),
  },
  VFIO_GROUP_GET_STATUS: {
    EINVAL: notA("a group's node, /dev/vfio/N"),
    ENOTTY: notA("a group's node, /dev/vfio/N"),
  },
  VFIO_SET_IOMMU: {
    EINVAL: 'A container that was opened elsewhere has to be empty, and this one is in use.',
    EPERM:
      'The platform has no interrupt remapping, so an isolated device could still raise any ' +
      'interrupt. If you accept that: modprobe vfio_iommu_type1 allow_unsafe_interrupts=1',
  },
  VFIO_GROUP_SET_CONTAINER: {
    EBUSY: 'The group is in another container already: close that one first.',
  },
  VFIO_DEVICE_SET_IRQS: {
    EINVAL:
      'The vectors lie outside what the device has (interruptInfo), or another type is armed.',
    ENOSPC: 'The system has no interrupt vectors left: ask for fewer.',
  },
  VFIO_DEVICE_RESET: {
    EAGAIN:
      'The kernel wants it back (the `request` event), or resets it itself: close it, or try again.',
    EINVAL: 'The device has no reset that touches nothing else (info.resettable).',
    ENOTTY:
      'The kernel reset the device, and it did not come back in time (`dmesg` says how long the kernel waited). ' +
      'Try device.hotReset(), which resets its whole slot or bus.',
  },
  VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: {
    EPERM: 'A device on the same bus is in no IOMMU group, so the bus is not ours to reset.',
  },
  VFIO_DEVICE_PCI_HOT_RESET: {
    EAGAIN: atWork,
    EBUSY: atWork,
    ENOTTY:
      'The kernel gave up: neither a slot reset nor a bus reset worked. Either the link did not come back in time ' +
      '(`dmesg` says so), or the kernel does not reset this slot at all, for example when ACPI hot-plug controls its ' +
      'power. Do not rely on the state of its devices: close them, remove and rescan them through sysfs, or cycle the ' +
      'power of the slot.',
  },
  open: {
    EMFILE: 'The process has too many open files: raise `ulimit -n` or close some.',
    ENFILE: 'The system has too many open files.',
  },
  mmap: {
    ENOMEM: 'The system, or the memory limit of this process or its cgroup, has no room for it.',
  },
};

/** The hint that follows from the failed call alone. */
export function hintFor(failure: NativeFailure): string | undefined {
  if (!('errno' in failure)) return meaningOf(failure.code)?.hint;
  const call = failure.request === '' ? failure.syscall : failure.request;
  return table[call]?.[errnoName(failure.errno)];
}
