// SPDX-License-Identifier: MIT
// The diagnosis that the library makes after a failure, on a fake /sys and /proc.
import { chmodSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { describe, expect, test } from '@jest/globals';
import { awaitHotReset, diagnoseHotReset } from '../../lib/diagnose/hot-reset.js';
import { armInterrupts, diagnoseArm } from '../../lib/diagnose/interrupts.js';
import { diagnoseMap, mapMemory } from '../../lib/diagnose/memory.js';
import { awaitOpen, diagnoseOpen } from '../../lib/diagnose/open.js';
import { type Explanation, explain } from '../../lib/diagnose/words.js';
import type { DiskUse } from '../../lib/sysfs/disks.js';
import { rejectionOf, thrownBy } from './lib-fake-native.js';
import { FakeTree } from './lib-fake-tree.js';

const address = '0000:01:00.0';
const { errno } = constants;

/** A failed system call. */
function failed(name: keyof typeof errno, request: string, path = '/dev/vfio/12') {
  const syscall = request.startsWith('VFIO_') ? 'ioctl' : request;
  const ioctl = request.startsWith('VFIO_') ? request : '';
  return { errno: errno[name], syscall, request: ioctl, path };
}

/** The explanation of why an open failed. */
async function explainOpen(...call: Parameters<typeof diagnoseOpen>): Promise<Explanation> {
  return explain(await diagnoseOpen(...call));
}

/** The explanation of why memory was not mapped. */
function explainMap(...call: Parameters<typeof diagnoseMap>): Explanation {
  return explain(diagnoseMap(...call));
}

/** The explanation of why interrupts were not armed. */
function explainArm(...call: Parameters<typeof diagnoseArm>): Explanation {
  return explain(diagnoseArm(...call));
}

/** The explanation of why a hot reset was refused. */
function explainHotReset(...call: Parameters<typeof diagnoseHotReset>): Explanation {
  return explain(diagnoseHotReset(...call));
}

/** A machine whose device is ready for VFIO. */
function readyTree(): FakeTree {
  const tree = new FakeTree();
  tree.pci(address, { driver: 'vfio-pci', group: 12 });
  tree.file('/dev/vfio/vfio');
  tree.file('/dev/vfio/12');
  tree.folder('/sys/class/iommu/dmar0');
  return tree;
}

test.each([{ address }, { group: 12 }])(
  'S4/ what the kernel hands out without an IOMMU is refused: %j',
  async (target) => {
    using tree = readyTree();
    tree.file('/dev/vfio/noiommu-12');
    const finding = await explainOpen(failed('ENOENT', 'open'), target, tree.root);
    expect(finding).toMatchObject({
      code: 'ERR_VFIO_NO_IOMMU',
      summary: expect.stringContaining('no-IOMMU mode only (/dev/vfio/noiommu-12)'),
      hint: expect.stringContaining('read and write all memory'),
    });
  },
);

describe('a finding', () => {
  const denied = failed('EACCES', 'open', '/dev/vfio/12');
  const ioctl = failed('EIO', 'VFIO_GROUP_GET_DEVICE_FD');

  test('has the facts, and the writes to sysfs that mend it', async () => {
    using tree = readyTree();
    tree.bind(address, 'nvme');
    expect(await diagnoseOpen(failed('ENOENT', 'open'), { address }, tree.root)).toEqual({
      finding: 'device-not-bound',
      address,
      driver: 'nvme',
      steps: [
        { path: `/sys/bus/pci/devices/${address}/driver_override`, value: 'vfio-pci' },
        { path: '/sys/bus/pci/drivers/nvme/unbind', value: address },
        { path: '/sys/bus/pci/drivers_probe', value: address },
      ],
    });
  });

  test('has numbers as numbers', async () => {
    using tree = readyTree();
    chmodSync(`${tree.root}/dev/vfio/12`, 0o640);
    expect(await diagnoseOpen(denied, { address }, tree.root)).toEqual({
      finding: 'node-not-permitted',
      path: '/dev/vfio/12',
      owner: { mode: 0o640, user: process.getuid?.(), group: process.getgid?.() },
      user: process.getuid?.(),
    });
  });

  test('is plain data', async () => {
    using tree = readyTree();
    tree.process(41, 'qemu', ['/dev/vfio/12']);
    tree.pci('0000:01:00.1', { driver: 'e1000e', group: 12 });
    const findings = [
      await diagnoseOpen(failed('EBUSY', 'open'), { address }, tree.root),
      await diagnoseOpen({ code: 'ERR_VFIO_NOT_VIABLE', message: '' }, { address }, tree.root),
      await diagnoseOpen(ioctl, { address }, tree.root),
    ];
    expect(findings.map(({ finding }) => finding)).toEqual([
      'node-held',
      'group-not-viable',
      'call-failed',
    ]);
    for (const finding of findings) expect(JSON.parse(JSON.stringify(finding))).toEqual(finding);
  });
});

test.each<[DiskUse, string]>([
  [{ name: 'sda1', use: 'mounted', point: '/mnt' }, 'sda1 is mounted on /mnt'],
  [{ name: 'sda', use: 'held', device: 'md0' }, 'sda is held by md0'],
  [
    { name: 'sda', use: 'held', device: 'dm-0', mapped: 'vg-root' },
    'sda is held by dm-0 (vg-root)',
  ],
  [{ name: 'sda2', use: 'swap' }, 'sda2 is swap space'],
  [
    { name: 'sg0', use: 'open', holder: { pid: 41, name: 'dd', isThis: false } },
    'sg0 is open in process 41 (dd)',
  ],
  [
    { name: 'sg0', use: 'open', holder: { pid: 41, name: 'node', isThis: true } },
    'sg0 is open in this process (41)',
  ],
  [{ name: 'sda', use: 'claimed' }, 'sda is claimed (perhaps in another mount namespace'],
])('the use of a disk has words: %j', (use, words) => {
  const { summary } = explain({ finding: 'disk-in-use', address, uses: [use] });
  expect(summary).toContain(`${address} is in use: ${words}`);
});

describe('opening fails because', () => {
  test('there is no such device', async () => {
    using tree = readyTree();
    const target = { address: '0000:05:00.0' };
    const finding = await explainOpen(failed('ENOENT', 'readlink', ''), target, tree.root);
    expect(finding).toMatchObject({
      code: 'ENODEV',
      summary: 'There is no PCI device 0000:05:00.0',
      hint: expect.stringContaining('lspci'),
    });
  });

  test('another driver has the device', async () => {
    using tree = readyTree();
    tree.bind(address, 'nvme');
    const finding = await explainOpen(failed('ENOENT', 'open'), { address }, tree.root);
    expect(finding).toMatchObject({
      code: 'ERR_VFIO_NOT_BOUND',
      summary: `${address} is bound to nvme, not to vfio-pci`,
    });
    expect(finding.hint?.split('\n').map((line) => line.trim())).toEqual([
      `As root, call bindDevice('${address}') or run:`,
      `echo vfio-pci > /sys/bus/pci/devices/${address}/driver_override`,
      `echo ${address} > /sys/bus/pci/drivers/nvme/unbind`,
      `echo ${address} > /sys/bus/pci/drivers_probe`,
    ]);
  });

  test('no driver has the device', async () => {
    using tree = readyTree();
    tree.unbind(address);
    const failure = failed('ENODEV', 'VFIO_GROUP_GET_DEVICE_FD');
    const finding = await explainOpen(failure, { address }, tree.root);
    expect(finding.summary).toContain('it has no driver');
    expect(finding.hint).not.toContain('unbind');
  });

  test.each(['EMFILE', 'EBUSY', 'ETIMEDOUT'] as const)(
    'of %s, whatever has the device',
    async (name) => {
      using tree = readyTree();
      tree.bind(address, 'nvme');
      const finding = await explainOpen(failed(name, 'VFIO_X'), { address }, tree.root);
      expect(finding.code).toBeUndefined();
    },
  );

  test('no IOMMU is on', async () => {
    using tree = new FakeTree();
    tree.pci(address, { driver: 'vfio-pci' });
    const finding = await explainOpen(failed('ENOENT', 'readlink'), { address }, tree.root);
    expect(finding.code).toBe('ERR_VFIO_NO_IOMMU');
    expect(finding.hint).toContain('intel_iommu=on');
  });

  test('the IOMMU does not cover the device', async () => {
    using tree = new FakeTree();
    tree.pci(address, { driver: 'vfio-pci' });
    tree.folder('/sys/class/iommu/dmar0');
    const finding = await explainOpen(failed('ENOENT', 'readlink'), { address }, tree.root);
    expect(finding.hint).toContain('does not cover this device');
  });

  describe('the device does not answer', () => {
    const refused = failed('EINVAL', 'VFIO_GROUP_GET_DEVICE_FD');
    const config = `/sys/devices/pci0000:00/${address}/config`;

    test('with anything but ones', async () => {
      using tree = readyTree();
      tree.file(config, new Uint8Array(64).fill(0xff));
      expect(await explainOpen(refused, { address }, tree.root)).toEqual({
        code: 'ERR_VFIO_LOST',
        summary: `${address} does not answer: it is gone, or it has no power`,
        hint: expect.stringContaining(`/sys/bus/pci/devices/${address}/remove`),
      });
    });

    test('and native code has found that', async () => {
      using tree = readyTree();
      const lost = { code: 'ERR_VFIO_LOST', message: `${address} does not answer` };
      expect(await explainOpen(lost, { address }, tree.root)).toMatchObject({
        code: 'ERR_VFIO_LOST',
        hint: expect.stringContaining('Check the power of its slot'),
      });
    });

    test('but for its IDs, which are all ones in a virtual function that is well', async () => {
      using tree = readyTree();
      tree.file(config, Uint8Array.of(0xff, 0xff, 0xff, 0xff, ...new Uint8Array(60)));
      expect(await explainOpen(refused, { address }, tree.root)).toEqual({ hint: undefined });
    });
  });

  test.each(['ENOENT', 'ENODEV'] as const)('VFIO is not loaded (%s)', async (name) => {
    using tree = new FakeTree();
    const finding = await explainOpen(failed(name, 'open', '/dev/vfio/vfio'), {}, tree.root);
    expect(finding.hint).toContain('modprobe vfio-pci');
  });

  test.each(['/dev/vfio/vfio', '/dev/vfio/12'])('%s may not be opened', async (path) => {
    using tree = readyTree();
    chmodSync(tree.root + path, 0o600);
    const finding = await explainOpen(failed('EACCES', 'open', path), { address }, tree.root);
    expect(finding.code).toBeUndefined();
    expect(finding.hint).toContain(`${path} has mode 0600, user ${process.getuid?.()}`);
    expect(finding.hint).toContain('chgrp vfio');
    expect(finding.hint).toContain('SUBSYSTEM=="vfio", GROUP="vfio", MODE="0660"');
  });

  test('a control group does not allow the node, whoever owns it', async () => {
    using tree = readyTree();
    const finding = await explainOpen(failed('EPERM', 'open'), { address }, tree.root);
    expect(finding.hint).toContain('DeviceAllow=/dev/vfio/12 rw');
    expect(finding.hint).not.toContain('chgrp');
  });

  test.each(['ENODEV', 'ENXIO'] as const)('the node is of another group (%s)', async (name) => {
    using tree = readyTree();
    const finding = await explainOpen(failed(name, 'open'), { address }, tree.root);
    expect(finding.hint).toContain('/dev/vfio/12 is left over from an earlier group');
    expect(finding.hint).not.toContain('does not exist');
  });

  test('a node may not even be looked at', async () => {
    using tree = readyTree();
    rmSync(`${tree.root}/dev/vfio/12`);
    const failure = failed('EACCES', 'open', '/dev/vfio/12');
    const finding = await explainOpen(failure, { address }, tree.root);
    expect(finding.hint).toContain('cannot inspect /dev/vfio/12');
  });

  test('the node of the group is missing', async () => {
    using tree = new FakeTree();
    tree.pci(address, { driver: 'vfio-pci', group: 12 });
    const finding = await explainOpen(failed('ENOENT', 'open'), { address }, tree.root);
    expect(finding.hint).toContain('/dev/vfio/12 does not exist');
  });

  test.each([
    ['the library says so', { code: 'ERR_VFIO_NOT_VIABLE', message: 'not viable' }, { address }],
    ['the kernel refuses', failed('EPERM', 'VFIO_GROUP_SET_CONTAINER'), { address }],
    ['a group was opened', { code: 'ERR_VFIO_NOT_VIABLE', message: '' }, { group: 12 }],
  ])('the group is not viable: %s', async (_how, failure, target) => {
    using tree = readyTree();
    tree.pci('0000:01:00.1', { driver: 'e1000e', group: 12 });
    tree.pci('0000:01:00.2', { driver: 'snd_hda_intel', group: 12 });
    tree.pci('0000:00:1c.0', { driver: 'pcieport', group: 12 });
    const finding = await explainOpen(failure, target, tree.root);
    expect(finding).toMatchObject({
      code: 'ERR_VFIO_NOT_VIABLE',
      summary:
        'IOMMU group 12 is not viable: ' +
        '0000:01:00.1 is bound to e1000e, 0000:01:00.2 is bound to snd_hda_intel',
    });
    expect(finding.hint).toContain("bindDevice('0000:01:00.1')");
  });

  describe('of a VF token', () => {
    const physical = '0000:01:00.0';
    const virtual = '0000:01:00.1';
    const vfToken = '83d8f4f2-509f-382f-3c1e-e6bfe0fa1001';
    const refused = failed('EACCES', 'VFIO_GROUP_GET_DEVICE_FD');
    const notTaken = failed('EINVAL', 'VFIO_GROUP_GET_DEVICE_FD');

    /** A physical function and a virtual function, by default bound to vfio-pci. */
    function sriovTree(driver = 'vfio-pci'): FakeTree {
      const tree = readyTree();
      tree.bind(physical, driver);
      tree.file(`/sys/devices/pci0000:00/${physical}/sriov_totalvfs`, '2\n');
      tree.pci(virtual, { driver: 'vfio-pci', group: 13 });
      const link = `/sys/devices/pci0000:00/${virtual}/physfn`;
      tree.link(link, `/sys/devices/pci0000:00/${physical}`);
      return tree;
    }

    test.each([
      [undefined, 'Open 0000:01:00.0 with a vfToken'],
      [vfToken, '0000:01:00.0 was opened with a different token. Open'],
    ])('of its physical function: given %s', async (given, words) => {
      using tree = sriovTree();
      const target = { address: virtual, vfToken: given };
      const finding = await explainOpen(refused, target, tree.root);
      expect(finding.code).toBeUndefined();
      expect(finding.summary).toContain(`${virtual} is a virtual function of ${physical}`);
      expect(finding.hint).toMatch(new RegExp(`^${words}`));
      expect(finding.hint).not.toContain('chgrp');
    });

    test.each([
      [undefined, `Open it with their token, openDevice('${physical}', { vfToken })`],
      [vfToken, 'They were opened with a different token.'],
    ])('of its virtual functions: given %s', async (given, words) => {
      using tree = sriovTree();
      const target = { address: physical, vfToken: given };
      const finding = await explainOpen(refused, target, tree.root);
      expect(finding.summary).toContain(`Virtual functions of ${physical} are open`);
      expect(finding.hint).toContain(words);
    });

    test('which a virtual function of a kernel driver has not', async () => {
      using tree = sriovTree('nvme');
      const finding = await explainOpen(notTaken, { address: virtual, vfToken }, tree.root);
      expect(finding.summary).toBe(`${virtual} has no VF token`);
      expect(finding.hint).toContain('Leave out `vfToken`');
    });

    test('which a device without SR-IOV has not', async () => {
      using tree = readyTree();
      const finding = await explainOpen(notTaken, { address, vfToken }, tree.root);
      expect(finding.summary).toBe(`${address} has no VF token`);
    });

    test.each([physical, virtual])('not, where %s has one', async (has) => {
      using tree = sriovTree();
      const target = { address: has, vfToken };
      expect(await explainOpen(notTaken, target, tree.root)).toEqual({ hint: undefined });
    });

    test('not, where none was given', async () => {
      using tree = readyTree();
      expect(await explainOpen(notTaken, { address }, tree.root)).toEqual({ hint: undefined });
    });
  });

  test('there is no such group', async () => {
    using tree = readyTree();
    const failure = failed('ENOENT', 'open', '/dev/vfio/99');
    const finding = await explainOpen(failure, { group: 99 }, tree.root);
    expect(finding).toMatchObject({
      summary: 'There is no IOMMU group 99',
      hint: expect.stringContaining('/sys/kernel/iommu_groups'),
    });
    expect(finding.code).toBeUndefined();
  });

  test('no device of the group is bound to VFIO', async () => {
    using tree = readyTree();
    tree.bind(address, 'nvme');
    tree.pci('0000:00:1c.0', { driver: 'pcieport', group: 12, class: '0x060400' });
    const finding = await explainOpen(failed('ENOENT', 'open'), { group: 12 }, tree.root);
    expect(finding).toMatchObject({
      code: 'ERR_VFIO_NOT_BOUND',
      hint: expect.stringContaining(`bindDevice('${address}').`),
    });
    expect(finding.hint).not.toContain('0000:00:1c.0');
  });

  test('the node of a group that is bound is missing', async () => {
    using tree = readyTree();
    const finding = await explainOpen(failed('ENOENT', 'open'), { group: 12 }, tree.root);
    expect(finding.hint).toContain('/dev/vfio/12 does not exist');
  });

  test('a process holds the group', async () => {
    using tree = readyTree();
    tree.process(41, 'qemu-system-x86', ['/dev/null', '/dev/vfio/12']);
    tree.process(42, 'innocent', ['/dev/vfio/13', '/dev/vfio/vfio']);
    const finding = await explainOpen(failed('EBUSY', 'open'), { address }, tree.root);
    expect(finding.hint).toContain('/dev/vfio/12 is open in process 41 (qemu-system-x86)');
    expect(finding.hint).not.toContain('42');
  });

  test('this process holds the group', async () => {
    using tree = readyTree();
    tree.process(process.pid, 'node', ['/dev/vfio/12']);
    const finding = await explainOpen(failed('EBUSY', 'open'), { address }, tree.root);
    expect(finding.hint).toContain(`open in this process (${process.pid})`);
  });

  test('someone holds the group who cannot be seen', async () => {
    using tree = readyTree();
    const finding = await explainOpen(failed('EBUSY', 'open'), { address }, tree.root);
    expect(finding.hint).toContain('fuser -v /dev/vfio/12');
  });

  test('the platform cannot isolate interrupts', async () => {
    using tree = readyTree();
    const failure = failed('EPERM', 'VFIO_SET_IOMMU', '/dev/vfio/vfio');
    const finding = await explainOpen(failure, { address }, tree.root);
    expect(finding.hint).toContain('echo Y > /sys/module/vfio_iommu_type1/');
  });

  test('of something else, about which nothing is made up', async () => {
    using tree = readyTree();
    const failure = failed('EIO', 'VFIO_GROUP_GET_DEVICE_FD');
    expect(await explainOpen(failure, { address }, tree.root)).toEqual({ hint: undefined });
  });
});

describe('an error of an open', () => {
  test('carries what was found', async () => {
    const failure = failed('ENOENT', 'open', '/dev/vfio/12');
    const error = await rejectionOf(
      awaitOpen(() => Promise.reject(failure), { address: '00ff:ff:1f.7' }),
    );
    expect(error).toMatchObject({ code: 'ENODEV', address: '00ff:ff:1f.7', path: '/dev/vfio/12' });
    expect(error.message).toContain("00ff:ff:1f.7 (ENOENT, open '/dev/vfio/12')");
  });

  test('that is an error already stays as it is', async () => {
    const mine = new Error('mine');
    expect(await rejectionOf(awaitOpen(() => Promise.reject(mine), {}))).toBe(mine);
  });
});

describe('mapping fails because', () => {
  const noMemory = failed('ENOMEM', 'VFIO_IOMMU_MAP_DMA', '/dev/vfio/vfio');
  const limits = (soft: string) =>
    `Limit                     Soft Limit           Hard Limit           Units     \n` +
    `Max locked memory         ${soft.padEnd(20)} ${soft.padEnd(20)} bytes     \n`;

  function tree(soft: string, locked: number): FakeTree {
    const tree = new FakeTree();
    tree.file('/proc/self/limits', limits(soft));
    tree.file('/proc/self/status', `Name:\tnode\nVmLck:\t${locked} kB\nVmPin:\t       0 kB\n`);
    return tree;
  }

  test('the limit on locked memory is too small', () => {
    using machine = tree('8388608', 4096);
    const { hint } = explainMap(noMemory, 8388608, machine.root);
    expect(hint).toContain('12582912 bytes are needed (8388608 more than the 4194304 locked now)');
    expect(hint).toContain('8388608 are allowed (RLIMIT_MEMLOCK, `ulimit -l`)');
    expect(hint).toContain(`prlimit --pid ${process.pid} --memlock=`);
    expect(hint).toContain('LimitMEMLOCK=infinity');
    expect(hint).toContain('/etc/security/limits.d');
  });

  test.each(['unlimited', '1073741824'])('not the limit, with %s allowed', (soft) => {
    using machine = tree(soft, 0);
    const { hint } = explainMap(noMemory, 4096, machine.root);
    expect(hint).toContain('The limit on locked memory (RLIMIT_MEMLOCK) is high enough');
  });

  test('something else, where /proc does not say', () => {
    using machine = new FakeTree();
    expect(explainMap(noMemory, 4096, machine.root).hint).toContain('out of memory');
  });

  test.each([
    ['EEXIST', 'mapped already'],
    ['EINVAL', 'container.info.iovaRanges'],
    ['ENOSPC', '65535'],
  ] as const)('%s has its hint', (name, text) => {
    const failure = failed(name, 'VFIO_IOMMU_MAP_DMA', '/dev/vfio/vfio');
    const { summary = '', hint } = explainMap(failure, 4096);
    expect(`${summary} ${hint}`).toContain(text);
  });

  test('anything, told as an error with that hint', () => {
    const failure = failed('ENOSPC', 'VFIO_IOMMU_MAP_DMA', '/dev/vfio/vfio');
    const map = () => {
      throw failure;
    };
    expect(thrownBy(() => mapMemory(map, 4096))).toMatchObject({
      code: 'ENOSPC',
      request: 'VFIO_IOMMU_MAP_DMA',
      hint: expect.stringContaining('65535'),
    });
  });
});

test('what a mapping fails with is passed on when it is an error already', () => {
  const error = new RangeError('no such IOVA');
  const map = () => {
    throw error;
  };
  expect(thrownBy(() => mapMemory(map, 4096))).toBe(error);
});

describe('interrupts are not armed because', () => {
  const busy = failed('EBUSY', 'VFIO_DEVICE_SET_IRQS', address);

  function lineTree(row: string): FakeTree {
    const tree = readyTree();
    tree.file(`/sys/devices/pci0000:00/${address}/irq`, '16\n');
    tree.file('/sys/module/vfio_pci/parameters/nointxmask', 'N\n');
    tree.file(
      '/proc/interrupts',
      `            CPU0       CPU1\n  1:  9  0  x  1-edge  i8042\n${row}\n`,
    );
    return tree;
  }

  test.each([
    ['one', '  3  0  IR-IO-APIC   16-fasteoi   vfio-intx(0000:02:00.0)', 'vfio-intx(0000:02:00.0)'],
    ['two', '    3          0  IO-APIC  16-fasteoi   i801_smbus, ehci_hcd', 'i801_smbus, ehci_hcd'],
    ['a name of two words', '   3          0     GICv3  27 Level     PCIe PME', 'PCIe PME'],
  ])('their line is in use by %s', (_, row, users) => {
    using tree = lineTree(` 16:${row}`);
    const { code, summary, hint } = explainArm(busy, address, 'intx', tree.root);
    expect(code).toBeUndefined();
    expect(summary).toBe(
      `The interrupt line of ${address}, IRQ 16, is in use and cannot be shared`,
    );
    expect(hint).toContain(`IRQ 16 is in use by ${users} (/proc/interrupts)`);
    expect(hint).toContain('Use MSI or MSI-X');
    expect(hint).not.toContain('nointxmask');
    expect(hint).not.toContain('group');
  });

  test('their line is in use by one who is not listed', () => {
    using tree = lineTree(' 16:  3  0  IR-IO-APIC   16-fasteoi');
    expect(explainArm(busy, address, 'intx', tree.root).hint).toMatch(/^IRQ 16 is in use \(/);
  });

  test('vfio-pci is told to mask no line by the device', () => {
    using tree = lineTree('');
    tree.file('/sys/module/vfio_pci/parameters/nointxmask', 'Y\n');
    const { hint } = explainArm(busy, address, 'intx', tree.root);
    expect(hint).toContain('echo N > /sys/module/vfio_pci/parameters/nointxmask');
  });

  test('of something else, about which nothing is made up', () => {
    using tree = lineTree('');
    const full = failed('ENOSPC', 'VFIO_DEVICE_SET_IRQS', address);
    expect(explainArm(full, address, 'msix', tree.root).summary).toContain('no interrupt vectors');
    expect(explainArm(busy, address, 'msix', tree.root)).toEqual({ hint: undefined });
    using bare = readyTree();
    expect(explainArm(busy, address, 'intx', bare.root)).toEqual({ hint: undefined });
  });

  test('what they fail with is passed on when it is an error already', () => {
    const mine = new Error('mine');
    const arm = () => {
      throw mine;
    };
    expect(thrownBy(() => armInterrupts(arm, address, 'intx'))).toBe(mine);
  });
});

describe('a reset that the kernel gives up on', () => {
  test.each([
    ['VFIO_DEVICE_RESET', 'did not come back'],
    ['VFIO_DEVICE_PCI_HOT_RESET', 'neither a slot reset nor a bus reset worked'],
  ])('says what that means: %s', (request, words) => {
    const failure = failed('ENOTTY', request, address);
    expect(explainHotReset(failure, []).summary).toContain(words);
  });
});

describe('a hot reset fails because', () => {
  const neighbour = '0000:01:00.1';
  const affected = [
    { address, group: 12 },
    { address: neighbour, group: 13 },
  ];
  const refused = failed('EINVAL', 'VFIO_DEVICE_PCI_HOT_RESET', address);

  test.each([
    ['e1000e', 'is bound to e1000e'],
    [undefined, 'has no driver'],
  ])('a device beside it is bound to %s', (driver, words) => {
    using tree = readyTree();
    tree.pci(neighbour, { driver, group: 13 });
    expect(explainHotReset(refused, affected, tree.root)).toEqual({
      code: 'ERR_VFIO_NOT_BOUND',
      summary: expect.stringContaining(`${neighbour} ${words}`),
      hint: expect.stringContaining(`bindDevice('${neighbour}')`),
    });
  });

  test('the devices of the finding are those without vfio-pci', () => {
    using tree = readyTree();
    tree.pci(neighbour, { driver: 'nvme', group: 13 });
    expect(diagnoseHotReset(refused, affected, tree.root)).toEqual({
      finding: 'hot-reset-not-bound',
      devices: [expect.objectContaining({ address: neighbour })],
    });
  });

  test('the kernel says so, and nothing more is known', () => {
    using tree = readyTree();
    tree.pci(neighbour, { driver: 'vfio-pci', group: 13 });
    expect(explainHotReset(refused, affected, tree.root)).toEqual({ hint: undefined });
    const contended = failed('EBUSY', 'VFIO_DEVICE_PCI_HOT_RESET', address);
    expect(explainHotReset(contended, affected, tree.root).hint).toContain('Try again');
  });

  test('it does, whatever becomes of the look for why', async () => {
    const unreadable = { address: 'x'.repeat(5000), group: 13 };
    const work = () => Promise.reject(refused);
    await expect(awaitHotReset(work, address, [unreadable])).rejects.toMatchObject({
      code: 'EINVAL',
      request: 'VFIO_DEVICE_PCI_HOT_RESET',
    });
  });

  test('a group is not held, or there is none', () => {
    const failure = { code: 'ERR_VFIO_UNSUPPORTED', message: '' };
    expect(explainHotReset(failure, affected).hint).toContain('container.openGroup(13)');
    expect(explainHotReset(failure, []).hint).toContain('root bus');
  });

  test('a group of several devices is not held, and the hint names the group once', () => {
    const failure = { code: 'ERR_VFIO_UNSUPPORTED', message: '' };
    const group = [...affected, { address: '0000:01:00.2', group: 13 }];
    expect(explainHotReset(failure, group).hint?.match(/openGroup\(13\)/g)).toHaveLength(1);
  });
});
