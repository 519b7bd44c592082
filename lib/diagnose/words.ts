// SPDX-License-Identifier: MIT
// Puts each finding into words: the code of the error, what failed and why, and what to do next.
import type { ErrorCode } from '../errors.js';
import type { PciDevice } from '../pci.js';
import type { DiskUse } from '../sysfs/disks.js';
import { nameHolder } from '../sysfs/holders.js';
import { toLine, toLines } from '../sysfs/steps.js';
import { explainCall } from './call-hints.js';
import type { Finding, FindingOf, NodeOwner, Refusal } from './finding.js';
import { explainFields, explainPoll, explainSilence } from './timeout-words.js';

/** The words for a finding. */
export interface Explanation {
  /** A code that fits better than the code of the failed call. */
  code?: ErrorCode;
  /** The start of the message. The failed call follows it. */
  summary?: string;
  /** What to do next. */
  hint: string | undefined;
}

/** Puts a finding into words. */
export function explain(finding: Finding): Explanation {
  const tell = words[finding.finding] as (finding: Finding) => Explanation;
  return tell(finding);
}

/** Puts a refusal into words. There is no failed call, so the words are the whole error. */
export function explainRefusal(refusal: Refusal): Required<Explanation> {
  const tell = refusals[refusal.finding] as (refusal: Refusal) => Required<Explanation>;
  return tell(refusal);
}

const refusals: {
  [Name in Refusal['finding']]: (refusal: FindingOf<Name>) => Required<Explanation>;
} = {
  'no-such-device': ({ address }) => ({
    code: 'ENODEV',
    summary: `There is no PCI device ${address}`,
    hint: 'Run `lspci -D` or call listDevices() to see which PCI devices exist.',
  }),
  'not-isolated': ({ address, isAnyIommuOn }) => ({
    code: 'ERR_VFIO_NO_IOMMU',
    summary: `${address} is not in an IOMMU group, so no IOMMU isolates it`,
    hint: isAnyIommuOn
      ? 'An IOMMU is active, but it does not cover this device. ' +
        '`ls /sys/kernel/iommu_groups/*/devices` lists the devices that it covers.'
      : 'No IOMMU is active (/sys/class/iommu is empty). Turn on VT-d or AMD-Vi in the firmware setup (BIOS). ' +
        'On Intel, also boot with intel_iommu=on.',
  }),
  'vfio-pci-not-loaded': ({ address }) => ({
    code: 'ERR_VFIO_UNSUPPORTED',
    summary: `${address} cannot be bound: the kernel module vfio-pci is not loaded`,
    hint: 'As root: modprobe vfio-pci',
  }),
  bridge: ({ address }) => ({
    code: 'ERR_VFIO_UNSUPPORTED',
    summary: `${address} is a bridge, and vfio-pci does not accept bridges`,
    hint:
      'Bind the devices behind the bridge instead. Leave the bridge bound to its kernel driver: ' +
      'the kernel allows that in an IOMMU group.',
  }),
  'virtual-functions-exist': ({ address, count, steps }) => ({
    code: 'ERR_VFIO_BUSY',
    summary:
      `${address} has ${count} virtual function${count === 1 ? '' : 's'}, ` +
      'and vfio-pci does not accept a device that has virtual functions',
    hint: `Remove all virtual functions first. As root: ${toLines(steps).join('; ')}`,
  }),
  denylisted: ({ address }) => ({
    code: 'ERR_VFIO_UNSUPPORTED',
    summary: `${address} is on the denylist of vfio-pci`,
    hint:
      'The device has flaws through which an untrusted driver can hang the machine. To accept that risk, load ' +
      'vfio-pci again with disable_denylist=1. As root: modprobe -r vfio-pci && modprobe vfio-pci disable_denylist=1',
  }),
  'disk-in-use': ({ address, uses }) => ({
    code: 'ERR_VFIO_BUSY',
    summary: `${address} is in use: ${uses.map(nameUse).join(', ')}`,
    hint:
      'Before you bind the device, unmount the disk, turn off swap on it, remove it from its dm device or md array, ' +
      'detach its loop device, or end the process that has it open.',
  }),
  'default-route': ({ address, routes }) => {
    const names = routes.map(({ name, through }) => {
      return name === through ? name : `${name} (through ${through})`;
    });
    return {
      code: 'ERR_VFIO_BUSY',
      summary: `${address} carries the default route of this machine: ${names.join(', ')}`,
      hint: 'Move the default route to another network interface first. `ip route` shows it.',
    };
  },
  'no-interrupt': explainSilence,
  'not-reached': explainPoll,
  'fields-not-reached': explainFields,
};

const words: { [Name in Finding['finding']]: (finding: FindingOf<Name>) => Explanation } = {
  ...refusals,
  'device-not-bound': ({ address, driver, steps }) => ({
    code: 'ERR_VFIO_NOT_BOUND',
    summary:
      driver === undefined
        ? `${address} is not bound to vfio-pci: it has no driver`
        : `${address} is bound to ${driver}, not to vfio-pci`,
    hint: lines(`As root, call bindDevice('${address}') or run:`, ...toLines(steps)),
  }),
  'no-such-group': ({ group }) => ({
    summary: `There is no IOMMU group ${group}`,
    hint: '`ls /sys/kernel/iommu_groups` lists the groups. If it prints nothing, no IOMMU is active.',
  }),
  'group-not-bound': ({ group, members }) => ({
    code: 'ERR_VFIO_NOT_BOUND',
    summary: `No device of IOMMU group ${group} is bound to vfio-pci`,
    hint:
      'As root, bind the device that you want to use, and every other device of the group that has a kernel driver: ' +
      `${bindCalls(members.filter(isEndpoint))}.`,
  }),
  'group-not-viable': ({ group, blockers }) => ({
    code: 'ERR_VFIO_NOT_VIABLE',
    summary:
      `IOMMU group ${group} is not viable: ` +
      blockers.map(({ address, driver }) => `${address} is bound to ${driver}`).join(', '),
    hint:
      'The kernel only hands over a group as a whole. As root, bind each of these devices to vfio-pci, ' +
      `or unbind it from its driver: ${bindCalls(blockers)}.`,
  }),
  'unsafe-no-iommu': ({ address, group, node }) => ({
    code: 'ERR_VFIO_NO_IOMMU',
    summary:
      `No IOMMU isolates ${address ?? `group ${group}`}: ` +
      `the kernel offers it in the unsafe no-IOMMU mode only (${node})`,
    hint:
      'Without an IOMMU, the device can read and write all memory, so this library does not open it. Turn on the ' +
      'IOMMU (VT-d or AMD-Vi), and turn off the module parameter vfio.enable_unsafe_noiommu_mode.',
  }),
  'token-of-physical': ({ address, physical, isTokenGiven }) => ({
    summary:
      `${address} is a virtual function of ${physical}, which is bound to vfio-pci, ` +
      `so it opens only with the VF token of ${physical}`,
    hint:
      (isTokenGiven ? `${physical} was opened with a different token. ` : '') +
      `Open ${physical} with a vfToken, a UUID of your choice. Then open ${address} with the same one: ` +
      'openDevice(address, { vfToken }).',
  }),
  'token-of-virtual': ({ address, isTokenGiven }) => ({
    summary: `Virtual functions of ${address} are open, so it opens only with their VF token`,
    hint:
      (isTokenGiven ? 'They were opened with a different token. ' : '') +
      `Open it with their token, openDevice('${address}', { vfToken }), or close all of them first.`,
  }),
  'no-token': ({ address }) => ({
    summary: `${address} has no VF token`,
    hint:
      'Leave out `vfToken`. Only two kinds of devices have a VF token: a physical function with SR-IOV, ' +
      'and a virtual function whose physical function is bound to vfio-pci.',
  }),
  'no-answer': ({ address, steps }) => ({
    code: 'ERR_VFIO_LOST',
    summary: `${address} does not answer: it is gone, or it has no power`,
    hint: lines(
      'Check the power of its slot. Once the device is back, as root:',
      ...toLines(steps),
    ),
  }),
  'vfio-not-loaded': () => ({
    hint: 'VFIO is not loaded in the kernel. As root: modprobe vfio-pci. In a container, also pass in /dev/vfio.',
  }),
  'node-missing': ({ path }) => ({
    hint: `${path} does not exist. udev may still be creating it. In a container, pass the node in.`,
  }),
  'node-stale': ({ path }) => ({
    hint:
      `${path} is left over from an earlier group with that number. On the host, udev creates the node again. ` +
      'In a container, pass in the current node.',
  }),
  'node-not-permitted': ({ path, owner, user }) => ({
    hint: lines(
      `${describeNode(path, owner, user)}. If this user is in the group vfio, allow that group to open the node:`,
      `for now, as root: chgrp vfio ${path} && chmod 660 ${path}`,
      'permanently, in /etc/udev/rules.d/70-vfio.rules: SUBSYSTEM=="vfio", GROUP="vfio", MODE="0660"',
    ),
  }),
  'node-not-allowed': ({ path }) => ({
    hint: lines(
      `The control group (cgroup) of this process does not allow the device node ${path}, ` +
        'no matter who owns it. Allow it:',
      `in a systemd unit: DeviceAllow=${path} rw`,
      `with docker or podman: --device ${path}`,
    ),
  }),
  'node-held': ({ path, holders }) => ({
    hint:
      holders.length === 0
        ? `${path} is open in a process that this user cannot inspect. To find it, as root: fuser -v ${path}`
        : `${path} is open in ${holders.map(nameHolder).join(', ')}. It can be open only once: close it there first.`,
  }),
  memlock: ({ bytes, locked, allowed, pid }) => ({
    summary: `The limit on locked memory is too low for ${bytes} bytes more`,
    hint: lines(
      `DMA memory counts as locked memory: ${locked + bytes} bytes are needed (${bytes} more than the ${locked} ` +
        `locked now), but ${allowed} are allowed (RLIMIT_MEMLOCK, \`ulimit -l\`). Raise the limit:`,
      `for this process, as root: prlimit --pid ${pid} --memlock=unlimited`,
      'in a systemd unit: LimitMEMLOCK=infinity',
      'for a login, in /etc/security/limits.d/vfio.conf: @vfio - memlock unlimited',
    ),
  }),
  'out-of-memory': () => ({
    hint:
      'The limit on locked memory (RLIMIT_MEMLOCK) is high enough: the system, the cgroup or the IOMMU is out of ' +
      'memory. Free some memory, or allocate less.',
  }),
  'shared-line': ({ address, line, users, steps }) => ({
    summary: `The interrupt line of ${address}, IRQ ${line}, is in use and cannot be shared`,
    hint: lines(
      `IRQ ${line} is in use${users === undefined ? '' : ` by ${users}`} (/proc/interrupts). Devices can share a ` +
        'line only if each of them can mask its own INTx, and one of these cannot.',
      'Use MSI or MSI-X, or free the line: unbind the other driver, or close the other device.',
      ...steps.map(
        (step) =>
          'vfio_pci.nointxmask is on, so vfio-pci treats every device as one that cannot mask its INTx. Unless a ' +
          `device needs that, turn it off, as root: ${toLine(step)}. ` +
          'Then bind the devices again (on older kernels, load vfio-pci again).',
      ),
    ),
  }),
  'hot-reset-not-held': ({ affected }) => {
    if (affected.length === 0) {
      return { hint: 'The device is on a root bus, and no bridge above it could reset it.' };
    }
    const groups = [...new Set(affected.map(({ group }) => group))];
    const calls = groups.map((group) => `container.openGroup(${group})`).join(', ');
    return {
      hint: `Open every group that the hot reset affects: open a device of each group, or call ${calls}.`,
    };
  },
  'hot-reset-not-bound': ({ devices }) => {
    const names = devices.map(({ address, driver }) => {
      return driver === undefined ? `${address} has no driver` : `${address} is bound to ${driver}`;
    });
    return {
      code: 'ERR_VFIO_NOT_BOUND',
      summary: `The hot reset affects devices that are not bound to vfio-pci: ${names.join(', ')}`,
      hint: `As root, bind each of them to vfio-pci: ${bindCalls(devices)}.`,
    };
  },
  'call-failed': ({ failure }) => explainCall(failure),
};

function lines(...all: string[]): string {
  return all.join('\n  ');
}

function bindCalls(devices: readonly PciDevice[]): string {
  return devices.map(({ address }) => `bindDevice('${address}')`).join(', ');
}

const BRIDGE_CLASS = 0x06;

function isEndpoint({ classCode }: PciDevice): boolean {
  return classCode >>> 16 !== BRIDGE_CLASS;
}

function nameUse(use: DiskUse): string {
  switch (use.use) {
    case 'mounted':
      return `${use.name} is mounted on ${use.point}`;
    case 'held':
      return `${use.name} is held by ${use.device}${use.mapped === undefined ? '' : ` (${use.mapped})`}`;
    case 'swap':
      return `${use.name} is swap space`;
    case 'open':
      return `${use.name} is open in ${nameHolder(use.holder)}`;
    case 'claimed':
      return `${use.name} is claimed (perhaps in another mount namespace, or by btrfs or ZFS)`;
  }
}

function describeNode(
  path: string,
  owner: NodeOwner | undefined,
  user: number | undefined,
): string {
  if (owner === undefined) return `This user cannot inspect ${path}`;
  const mode = owner.mode.toString(8).padStart(4, '0');
  return `${path} has mode ${mode}, user ${owner.user}, group ${owner.group}; this process runs as user ${user}`;
}
