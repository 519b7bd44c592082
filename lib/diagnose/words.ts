// SPDX-License-Identifier: MIT
// The one place where a finding gets its words: the code of the error, what to say, and what to do next.
import type { ErrorCode } from '../errors.js';
import type { PciDevice } from '../pci.js';
import { nameHolder } from '../sysfs/holders.js';
import { toLine, toLines } from '../sysfs/steps.js';
import { hintFor } from './call-hints.js';
import type { Finding, FindingOf, NodeOwner, Refusal } from './finding.js';

/** A finding in words. */
export interface Explanation {
  /** A better code than that of the failed call. */
  code?: ErrorCode;
  /** What to say before the failed call. */
  summary?: string;
  /** What to do next. */
  hint: string | undefined;
}

/** The words for a finding. */
export function explain(finding: Finding): Explanation {
  const tell = words[finding.finding] as (finding: Finding) => Explanation;
  return tell(finding);
}

/** The words for a refusal, which says all of it. */
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
    hint: '`lspci -D`, or listDevices(), shows the devices there are.',
  }),
  'not-isolated': ({ address, isAnyIommuOn }) => ({
    code: 'ERR_VFIO_NO_IOMMU',
    summary: `${address} is in no IOMMU group`,
    hint: isAnyIommuOn
      ? 'An IOMMU is on, but the device is not behind it.'
      : 'No IOMMU is on (/sys/class/iommu is empty): enable VT-d or AMD-Vi in the firmware setup, ' +
        'and on Intel boot with intel_iommu=on.',
  }),
  'vfio-pci-not-loaded': () => ({
    code: 'ERR_VFIO_UNSUPPORTED',
    summary: 'The driver vfio-pci is not loaded',
    hint: 'modprobe vfio-pci',
  }),
  bridge: ({ address }) => ({
    code: 'ERR_VFIO_UNSUPPORTED',
    summary: `${address} is a bridge, and vfio-pci takes no bridges`,
    hint: 'Bind the devices behind it. A bridge stays with its driver: the kernel lets it share an IOMMU group.',
  }),
  'virtual-functions-exist': ({ address, count, steps }) => {
    const them = count === 1 ? 'virtual function' : 'virtual functions';
    const exist = count === 1 ? 'that exists' : 'they exist';
    return {
      code: 'ERR_VFIO_BUSY',
      summary: `${address} has ${count} ${them}, and vfio-pci does not take it while ${exist}`,
      hint: `Remove all virtual functions first, as root: ${toLines(steps).join('; ')}`,
    };
  },
  denylisted: ({ address }) => ({
    code: 'ERR_VFIO_UNSUPPORTED',
    summary: `${address} is on the list of devices that vfio-pci refuses`,
    hint:
      'It has flaws by which an untrusted driver can hang the machine. If you accept that: ' +
      'modprobe vfio-pci disable_denylist=1',
  }),
  'disk-in-use': ({ address, uses }) => ({
    code: 'ERR_VFIO_BUSY',
    summary: `${address} is in use: ${uses.map(({ name, use }) => `${name} ${use}`).join(', ')}`,
    hint: 'First unmount it, take it out of what holds it, or end the process that has it open.',
  }),
  'default-route': ({ address, routes }) => {
    const names = routes.map(({ name, through }) => {
      return name === through ? name : `${name} (by ${through})`;
    });
    return {
      code: 'ERR_VFIO_BUSY',
      summary: `${address} carries the default route of this machine: ${names.join(', ')}`,
      hint: 'Move the route to another interface first: `ip route` shows it.',
    };
  },
};

const words: { [Name in Finding['finding']]: (finding: FindingOf<Name>) => Explanation } = {
  ...refusals,
  'device-not-bound': ({ address, driver, steps }) => ({
    code: 'ERR_VFIO_NOT_BOUND',
    summary: `${address} is bound to ${driver ?? 'no driver'}, not to vfio-pci`,
    hint: lines(`Bind it with bindDevice('${address}'), or as root:`, ...toLines(steps)),
  }),
  'no-such-group': ({ group }) => ({
    summary: `There is no IOMMU group ${group}`,
    hint: '`ls /sys/kernel/iommu_groups` shows the groups there are; none means that no IOMMU is on.',
  }),
  'group-not-bound': ({ group, members }) => ({
    code: 'ERR_VFIO_NOT_BOUND',
    summary: `No device of IOMMU group ${group} is bound to vfio-pci`,
    hint: `Bind the one to use, and every other that a kernel driver has: ${bindCalls(members.filter(isEndpoint))}.`,
  }),
  'group-not-viable': ({ group, blockers }) => ({
    code: 'ERR_VFIO_NOT_VIABLE',
    summary: `IOMMU group ${group} is not viable`,
    hint:
      `In the same IOMMU group ${blockers.map(({ address, driver }) => `${address} is bound to ${driver}`).join(', ')}. ` +
      `A group is handed over whole: bind each to vfio-pci or to no driver (${bindCalls(blockers)}).`,
  }),
  'unsafe-no-iommu': ({ address, group, node }) => ({
    code: 'ERR_VFIO_NO_IOMMU',
    summary: `${address ?? `Group ${group}`} is handed out without an IOMMU (${node})`,
    hint:
      'Such a device reads and writes all of the memory there is, and this library drives none. Turn an ' +
      'IOMMU on, and vfio.enable_unsafe_noiommu_mode off.',
  }),
  'token-of-physical': ({ address, physical, isTokenGiven }) => ({
    summary:
      `${address} is a virtual function of ${physical}, which is bound to vfio-pci, ` +
      'so it opens only with the VF token of that',
    hint:
      (isTokenGiven ? `This is not the token that ${physical} was opened with. ` : '') +
      `Open ${physical} with a vfToken, a UUID of your choice, then ${address} with the same one: ` +
      'openDevice(address, { vfToken }).',
  }),
  'token-of-virtual': ({ address, isTokenGiven }) => ({
    summary: `Virtual functions of ${address} are open, so it opens only with their VF token`,
    hint:
      (isTokenGiven ? 'This is not the token that they were opened with. ' : '') +
      `Open it with their token, openDevice('${address}', { vfToken }), or close them all first.`,
  }),
  'no-token': ({ address }) => ({
    summary: `${address} has no VF token`,
    hint:
      'Leave `vfToken` out: only a physical function with SR-IOV has a VF token, and a virtual function whose physical ' +
      'function is bound to vfio-pci.',
  }),
  'no-answer': ({ address, steps }) => ({
    code: 'ERR_VFIO_LOST',
    summary: `${address} does not answer: it is gone, or without power`,
    hint: lines('Look at the power of its slot. Once it is back, as root:', ...toLines(steps)),
  }),
  'vfio-not-loaded': () => ({
    hint: 'The kernel has no VFIO loaded: modprobe vfio-pci (in a container: pass /dev/vfio in as well).',
  }),
  'node-missing': ({ path }) => ({
    hint: `${path} does not exist: udev may still be making it, or, in a container, pass it in.`,
  }),
  'node-stale': ({ path }) => ({
    hint:
      `${path} is a node of an earlier group of that number: make it anew (udev does), or, in a container, ` +
      'pass in the one of now.',
  }),
  'node-not-permitted': ({ path, owner }) => ({
    hint: lines(
      `${path} is ${describeOwner(owner)}. As root, for now:`,
      `chgrp vfio ${path} && chmod 660 ${path}`,
      'for ever, in /etc/udev/rules.d/70-vfio.rules:',
      'SUBSYSTEM=="vfio", GROUP="vfio", MODE="0660"',
    ),
  }),
  'node-not-allowed': ({ path }) => ({
    hint: lines(
      `The control group of this process does not allow the device node ${path}, whoever owns it:`,
      `a systemd unit: DeviceAllow=${path} rw`,
      `docker or podman: --device ${path}`,
    ),
  }),
  'node-held': ({ path, holders }) => ({
    hint:
      holders.length === 0
        ? `${path} is held by a process this user may not look into. As root: fuser -v ${path}`
        : `${path} is held by ${holders.map(nameHolder).join(', ')}: it opens only once, close it there first.`,
  }),
  memlock: ({ bytes, locked, allowed }) => ({
    hint: lines(
      `DMA memory is locked memory: ${locked + bytes} bytes are needed (${bytes} more than the ${locked} ` +
        `locked now), ${allowed} are allowed (RLIMIT_MEMLOCK). Raise it:`,
      `this process, as root: prlimit --pid ${process.pid} --memlock=unlimited`,
      'a systemd unit: LimitMEMLOCK=infinity',
      'a login, in /etc/security/limits.d/vfio.conf: @vfio - memlock unlimited',
    ),
  }),
  'out-of-memory': () => ({
    hint: 'The limit on locked memory has room: the system, or the cgroup, is out of memory.',
  }),
  'shared-line': ({ address, line, users, steps }) => ({
    summary: `The interrupt line of ${address}, IRQ ${line}, is in use and cannot be shared`,
    hint: lines(
      `IRQ ${line} is in use${users === undefined ? '' : ` by ${users}`} (/proc/interrupts). A line is shared only ` +
        'when each of its devices can mask its own INTx, and one of these cannot.',
      'Use MSI or MSI-X, or free the line: unbind the driver that uses it, or close the device that does.',
      ...steps.map(
        (step) =>
          'vfio_pci.nointxmask is on, so vfio-pci takes no device for one that can. Unless a device needs that: ' +
          `${toLine(step)}, then bind the devices anew (older kernels: load vfio-pci anew).`,
      ),
    ),
  }),
  'hot-reset-not-held': ({ affected }) => {
    if (affected.length === 0) {
      return { hint: 'It is on a root bus: nothing above it could reset it.' };
    }
    const groups = [...new Set(affected.map(({ group }) => group))];
    const calls = groups.map((group) => `container.openGroup(${group})`).join(', ');
    return {
      hint: `Hold every group that it takes along, with a device open or by ${calls}.`,
    };
  },
  'hot-reset-not-bound': ({ devices }) => {
    const names = devices.map(({ address, driver }) => `${address} to ${driver ?? 'no driver'}`);
    return {
      code: 'ERR_VFIO_NOT_BOUND',
      summary: `A hot reset takes along what is bound elsewhere: ${names.join(', ')}`,
      hint: `Bind each to vfio-pci: ${bindCalls(devices)}.`,
    };
  },
  'call-failed': ({ failure }) => ({ hint: hintFor(failure) }),
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

function describeOwner(owner: NodeOwner | undefined): string {
  if (owner === undefined) return 'not visible';
  const mode = owner.mode.toString(8).padStart(4, '0');
  return `mode ${mode}, user ${owner.user}, group ${owner.group}; this is user ${process.getuid?.()}`;
}
