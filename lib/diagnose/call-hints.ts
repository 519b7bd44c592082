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

/** The hints, by the name of the failed ioctl or system call, then by errno. */
const table: Record<string, Record<string, string>> = {
  VFIO_IOMMU_MAP_DMA: {
    EEXIST:
      'A part of this IOVA range is mapped already. Leave out `iova`, and the library finds a free range, or first ' +
      'close the buffer that uses it.',
    EINVAL:
      'The IOVA lies outside container.info.iovaRanges, or it is not a multiple of the IOMMU page size.',
    ENOSPC:
      'The container has no mappings left. It has 65535, unless vfio_iommu_type1.dma_entry_limit sets another ' +
      'number. Allocate fewer, larger buffers, and divide them yourself.',
    EFAULT: 'The kernel could not pin the memory.',
  },
  fcntl: {
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
    EBUSY: 'The group is already in another container. Close that container first.',
  },
  VFIO_DEVICE_SET_IRQS: {
    EINVAL:
      'The device does not have all of these vectors (see device.interruptInfo()), or another interrupt type is armed.',
    ENOSPC: 'The system has no interrupt vectors left. Arm fewer vectors.',
  },
  VFIO_DEVICE_RESET: {
    EAGAIN:
      'If the kernel wants the device back (the `request` event), close the device. If the kernel is resetting it ' +
      'itself, try again.',
    EINVAL:
      'The device has no reset that affects only this device (see device.info.resettable). ' +
      'device.hotReset() resets its whole slot or bus.',
    ENOTTY:
      'The kernel reset the device, but the device did not come back in time (`dmesg` says how long the kernel ' +
      'waited). Try device.hotReset(), which resets its whole slot or bus.',
  },
  VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: {
    EPERM:
      'A device on the same bus is not in an IOMMU group, so VFIO does not allow a reset of the bus.',
  },
  VFIO_DEVICE_PCI_HOT_RESET: {
    EAGAIN: deviceInUse,
    EBUSY: deviceInUse,
    ENOTTY:
      'The kernel gave up: neither a slot reset nor a bus reset worked. Either the link did not come back in time ' +
      '(`dmesg` says so), or the kernel cannot reset this slot at all, for example because ACPI hot-plug controls ' +
      'its power. Do not rely on the state of the devices. Close them, then remove and rescan them through sysfs, ' +
      'or switch the power of the slot off and on.',
  },
  open: {
    EMFILE: 'This process has too many open files. Close some, or raise the limit (`ulimit -n`).',
    ENFILE: 'The system has too many open files. Close some, or raise fs.file-max (sysctl).',
  },
  mmap: {
    ENOMEM:
      'The system is out of memory, or the mapping exceeds the memory limit of this process or its cgroup.',
  },
};

/** The hint that follows from the failed call alone, if there is one. */
export function hintFor(failure: NativeFailure): string | undefined {
  if (!('errno' in failure)) return meaningOf(failure.code)?.hint;
  const call = failure.request === '' ? failure.syscall : failure.request;
  return table[call]?.[errnoName(failure.errno)];
}
