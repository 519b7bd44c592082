// SPDX-License-Identifier: MIT
// What to do next, in words. Pure text: diagnose.ts finds out which of it is true.
import type { AffectedDevice } from '../device.js';
import { errnoName } from '../errors.js';
import type { NativeFailure } from '../native.js';
import { devicePath, type PciDevice } from '../pci.js';

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
  if (!('errno' in failure)) return ownHints[failure.code];
  const call = failure.request === '' ? failure.syscall : failure.request;
  return table[call]?.[errnoName(failure.errno)];
}

/** Message-signalled interrupts are DMA writes. */
const busMasterHint =
  'Set `device.busMaster = true` first: message-signalled interrupts are DMA writes and would ' +
  'never arrive.';

/** A device without a reset of its own. */
export const hotResetHint =
  'device.hotReset() resets its whole slot or bus, with every device of device.hotResetInfo().';

/** A hot reset needs more than this process holds, or there is none. */
export function hotResetGroups(affected: readonly AffectedDevice[]): string {
  if (affected.length === 0) return 'It is on a root bus: nothing above it could reset it.';
  const groups = [...new Set(affected.map(({ group }) => group))];
  const calls = groups.map((group) => `container.openGroup(${group})`).join(', ');
  return `Hold every group that it takes along, with a device open or by ${calls}.`;
}

/** Devices that a hot reset takes along, not bound to VFIO. */
export function bindAll(devices: readonly PciDevice[]): string {
  const calls = devices.map(({ address }) => `bindDevice('${address}')`).join(', ');
  return `Bind each to vfio-pci: ${calls}.`;
}

/** A container has no address space before its first device. */
const noDeviceHint =
  'Open a device in this container first: its IOMMU decides which IOVAs there are.';

const ownHints: Record<string, string> = {
  ERR_VFIO_BUS_MASTER: busMasterHint,
  ERR_VFIO_NO_DEVICE: noDeviceHint,
  ERR_VFIO_DUPLICATE:
    'Two copies would not know what the other has open. `npm ls vfio` shows who brings which version, ' +
    '`npm dedupe` makes one of those that agree.',
};

/** Nothing answers to this address. */
export const noSuchDevice = '`lspci -D`, or listDevices(), shows the devices there are.';

/** The device is known, and silent. */
export function noAnswer(address: string): string {
  const remove = echo('1', `/sys/bus/pci/devices/${address}/remove`);
  const rescan = echo('1', '/sys/bus/pci/rescan');
  return `Look at the power of its slot. Once it is back, as root:\n  ${remove}\n  ${rescan}`;
}

/** There is no group of this number. */
export const noSuchGroup =
  '`ls /sys/kernel/iommu_groups` shows the groups there are; none means that no IOMMU is on.';

/** No device of the group has been handed over. */
export function bindMembers(members: readonly PciDevice[]): string {
  const endpoints = members.filter(({ classCode }) => classCode >>> 16 !== bridgeClass);
  const calls = endpoints.map(({ address }) => `bindDevice('${address}')`).join(', ');
  return `Bind the one to use, and every other that a kernel driver has: ${calls}.`;
}

const bridgeClass = 0x06;

/** The device is bound elsewhere, or to nothing. */
export function bindCommands({ address, driver }: PciDevice): string {
  const commands = toLines(bindSteps(address, driver));
  return [`Bind it with bindDevice('${address}'), or as root:`, ...commands].join('\n  ');
}

/** A write to a file of sysfs. */
export interface SysfsWrite {
  path: string;
  value: string;
}

/** The line a shell does the write with. */
export function echo(value: string, path: string): string {
  const text = value === '' ? 'echo' : `echo ${quote(value)}`;
  return `${text} > ${quote(path)}`;
}

/** A word of a shell: names of drivers may have spaces. */
function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The lines a shell does these writes with. */
export function toLines(steps: readonly SysfsWrite[]): string[] {
  return steps.map(({ value, path }) => echo(value, path));
}

/** The writes that bind a device to vfio-pci, away from the driver that has it. */
export function bindSteps(address: string, driver: string | undefined): SysfsWrite[] {
  const unbind = { path: `/sys/bus/pci/drivers/${driver}/unbind`, value: address };
  return [
    { path: `${devicePath(address)}/driver_override`, value: 'vfio-pci' },
    ...(driver === undefined ? [] : [unbind]),
    { path: '/sys/bus/pci/drivers_probe', value: address },
  ];
}

/** No IOMMU isolates the device. */
export function noIommu(anyIommu: boolean): string {
  if (anyIommu) return 'An IOMMU is on, but the device is not behind it.';
  return (
    'No IOMMU is on (/sys/class/iommu is empty): enable VT-d or AMD-Vi in the firmware setup, ' +
    'and on Intel boot with intel_iommu=on.'
  );
}

/** The kernel was told to hand out devices that nothing isolates. */
export const unsafeNoIommu =
  'Such a device reads and writes all of the memory there is, and this library drives none. Turn an ' +
  'IOMMU on, and vfio.enable_unsafe_noiommu_mode off.';

/** /dev/vfio/vfio is not there, or nothing is behind it. */
export const noVfio =
  'The kernel has no VFIO loaded: modprobe vfio-pci (in a container: pass /dev/vfio in as well).';

/** The node is there, and the kernel has nothing behind it. */
export function staleNode(path: string): string {
  return (
    `${path} is a node of an earlier group of that number: make it anew (udev does), or, in a container, ` +
    'pass in the one of now.'
  );
}

/** The group's node is not there although its device is bound. */
export function noNode(path: string): string {
  return `${path} does not exist: udev may still be making it, or, in a container, pass it in.`;
}

/** The node may not be opened. */
export function noPermission(path: string, owner: string): string {
  return [
    `${path} is ${owner}. As root, for now:`,
    `chgrp vfio ${path} && chmod 660 ${path}`,
    'for ever, in /etc/udev/rules.d/70-vfio.rules:',
    'SUBSYSTEM=="vfio", GROUP="vfio", MODE="0660"',
  ].join('\n  ');
}

/** A control group keeps the node closed, whoever owns it. */
export function notAllowed(path: string): string {
  return [
    `The control group of this process does not allow the device node ${path}, whoever owns it:`,
    `a systemd unit: DeviceAllow=${path} rw`,
    `docker or podman: --device ${path}`,
  ].join('\n  ');
}

/** A virtual function whose physical function VFIO has. */
export function vfTokenOfPhysical(address: string, physical: string, given: boolean): string {
  const wrong = given ? `This is not the token that ${physical} was opened with. ` : '';
  return (
    `${wrong}Open ${physical} with a vfToken, a UUID of your choice, then ${address} with the same one: ` +
    'openDevice(address, { vfToken }).'
  );
}

/** A physical function whose virtual functions are open. */
export function vfTokenOfVirtual(address: string, given: boolean): string {
  const wrong = given ? 'This is not the token that they were opened with. ' : '';
  return `${wrong}Open it with their token, openDevice('${address}', { vfToken }), or close them all first.`;
}

/** A token for a device that has none. */
export const noVfToken =
  'Leave `vfToken` out: only a physical function with SR-IOV has a VF token, and a virtual function whose physical ' +
  'function is bound to vfio-pci.';

/** What a process and a kernel driver, or two processes, cannot share. */
export function sharedLine(line: number, users: string | undefined, unmasked: boolean): string {
  return [
    `IRQ ${line} is in use${users === undefined ? '' : ` by ${users}`} (/proc/interrupts). A line is shared only ` +
      'when each of its devices can mask its own INTx, and one of these cannot.',
    'Use MSI or MSI-X, or free the line: unbind the driver that uses it, or close the device that does.',
    ...(unmasked
      ? [
          'vfio_pci.nointxmask is on, so vfio-pci takes no device for one that can. Unless a device needs that: ' +
            `${echo('N', '/sys/module/vfio_pci/parameters/nointxmask')}, then bind the devices anew ` +
            '(older kernels: load vfio-pci anew).',
        ]
      : []),
  ].join('\n  ');
}

/** Other devices keep the group in the kernel's hands. */
export function notViable(blockers: readonly PciDevice[]): string {
  const names = blockers
    .map(({ address, driver }) => `${address} is bound to ${driver}`)
    .join(', ');
  const calls = blockers.map(({ address }) => `bindDevice('${address}')`).join(', ');
  return (
    `In the same IOMMU group ${names}. A group is handed over whole: ` +
    `bind each to vfio-pci or to no driver (${calls}).`
  );
}

/** A process and what it is called. */
export interface Holder {
  pid: number;
  name: string;
}

/** A process in words. */
export function nameHolder({ pid, name }: Holder): string {
  return pid === process.pid ? `this process (${pid})` : `process ${pid} (${name})`;
}

/** Someone has the group's node open; it opens only once. */
export function heldBy(path: string, holders: readonly Holder[]): string {
  if (holders.length === 0) {
    return `${path} is held by a process this user may not look into. As root: fuser -v ${path}`;
  }
  const names = holders.map(nameHolder);
  return `${path} is held by ${names.join(', ')}: it opens only once, close it there first.`;
}

/** What a process may lock, and has locked, in bytes. */
export interface Memlock {
  allowed: number;
  locked: number;
}

/** The memory to map would pass RLIMIT_MEMLOCK. */
export function memlock(bytes: number, { allowed, locked }: Memlock): string {
  const needed = locked + bytes;
  return [
    `DMA memory is locked memory: ${needed} bytes are needed (${bytes} more than the ${locked} ` +
      `locked now), ${allowed} are allowed (RLIMIT_MEMLOCK). Raise it:`,
    `this process, as root: prlimit --pid ${process.pid} --memlock=unlimited`,
    'a systemd unit: LimitMEMLOCK=infinity',
    'a login, in /etc/security/limits.d/vfio.conf: @vfio - memlock unlimited',
  ].join('\n  ');
}

/** ENOMEM although the limit has room. */
export const outOfMemory =
  'The limit on locked memory has room: the system, or the cgroup, is out of memory.';
