// SPDX-License-Identifier: MIT
import fs, { constants } from 'node:fs';
import promises from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { findDiskUses } from '../../lib/sysfs/disks.js';
import { FakeTree } from './lib-fake-tree.js';

const address = '0000:01:00.0';
const below = `/sys/devices/pci0000:00/${address}`;

let tree: FakeTree;

beforeEach(() => {
  tree = new FakeTree();
  tree.pci(address, { driver: 'nvme' });
});

afterEach(() => tree[Symbol.dispose]());

/** Adds a disk with two partitions to the device. */
function disk(name: string, number: string, path = `${below}/nvme/nvme0/${name}`): void {
  tree.file(`${path}/dev`, `${number}:0\n`);
  tree.folder(`${path}/holders`);
  for (const part of [1, 2]) {
    tree.file(`${path}/${name}p${part}/partition`, `${part}\n`);
    tree.file(`${path}/${name}p${part}/dev`, `${number}:${part}\n`);
    tree.folder(`${path}/${name}p${part}/holders`);
  }
  tree.folder(`${path}/queue`);
  tree.link(`/sys/block/${name}`, path);
}

function mount(number: string, point: string, source: string): void {
  const line = `36 35 ${number} / ${point} rw,noatime shared:1 - ext4 ${source} rw\n`;
  tree.file('/proc/self/mountinfo', line);
}

test('S2/ a device without disks has none in use', async () => {
  expect(await findDiskUses(address, tree.root)).toEqual([]);
  // A device that does not exist has none either: this call looks at the real machine.
  expect(await findDiskUses('ffff:ff:1f.7')).toEqual([]);
});

test('S2/ a disk that nobody uses is free', async () => {
  disk('nvme0n1', '259');
  mount('8:1', '/', '/dev/sda1');
  tree.file('/proc/swaps', 'Filename\tType\n/dev/sda2   partition 1 0 -2\n');
  expect(await findDiskUses(address, tree.root)).toEqual([]);
});

test('S2/ a mounted partition is in use', async () => {
  disk('nvme0n1', '259');
  mount('259:1', '/data', '/dev/root');
  expect(await findDiskUses(address, tree.root)).toEqual([
    { name: 'nvme0n1p1', use: 'mounted', point: '/data' },
  ]);
});

test('S2/ a disk mounted whole, under the number of its file system, is in use', async () => {
  disk('nvme0n1', '259');
  mount('0:47', '/srv', '/dev/nvme0n1');
  expect(await findDiskUses(address, tree.root)).toEqual([
    { name: 'nvme0n1', use: 'mounted', point: '/srv' },
  ]);
});

test('S2/ a partition held by device mapper or md is in use', async () => {
  disk('nvme0n1', '259');
  tree.folder(`${below}/nvme/nvme0/nvme0n1/nvme0n1p2/holders/dm-0`);
  expect(await findDiskUses(address, tree.root)).toEqual([
    { name: 'nvme0n1p2', use: 'held', device: 'dm-0' },
  ]);
});

test('S2/ swap space is in use', async () => {
  disk('nvme0n1', '259');
  tree.file('/proc/swaps', 'Filename\tType\n/dev/nvme0n1p2   partition 1 0 -2\n');
  expect(await findDiskUses(address, tree.root)).toEqual([{ name: 'nvme0n1p2', use: 'swap' }]);
});

test('S2/ a disk of another device is no concern', async () => {
  disk('nvme1n1', '260', '/sys/devices/pci0000:00/0000:02:00.0/nvme/nvme1/nvme1n1');
  mount('260:1', '/', '/dev/nvme1n1p1');
  expect(await findDiskUses(address, tree.root)).toEqual([]);
});

test('S2/ a multipath disk is found through its controllers', async () => {
  const subsystem = '/sys/devices/virtual/nvme-subsystem/nvme-subsys0';
  disk('nvme0n1', '259', `${subsystem}/nvme0n1`);
  tree.folder(`${below}/nvme/nvme0`);
  tree.link(`${subsystem}/nvme0`, `${below}/nvme/nvme0`);
  mount('259:2', '/data', '/dev/nvme0n1p2');
  expect(await findDiskUses(address, tree.root)).toEqual([
    { name: 'nvme0n1p2', use: 'mounted', point: '/data' },
  ]);
});

test('S2/ a controller that is just going away is no way to a disk', async () => {
  const subsystem = '/sys/devices/virtual/nvme-subsystem/nvme-subsys0';
  disk('nvme0n1', '259', `${subsystem}/nvme0n1`);
  tree.link(`${subsystem}/nvme0`, `${below}/nvme/nvme0`);
  mount('259:2', '/data', '/dev/nvme0n1p2');
  expect(await findDiskUses(address, tree.root)).toEqual([]);
});

test('S2/ a disk that the kernel says is claimed is in use, though nothing else shows it', async () => {
  disk('nvme0n1', '259');
  const open = jest.spyOn(fs, 'openSync').mockImplementation(() => {
    throw Object.assign(new Error('EBUSY'), { code: 'EBUSY' });
  });
  const uses = await findDiskUses(address, tree.root);
  expect(open.mock.calls).toEqual([
    [`${tree.root}/dev/nvme0n1`, constants.O_RDONLY | constants.O_EXCL],
  ]);
  open.mockRestore();
  expect(uses).toEqual([{ name: 'nvme0n1', use: 'claimed' }]);
});

test('S2/ what device mapper made of it is named', async () => {
  disk('nvme0n1', '259');
  tree.folder(`${below}/nvme/nvme0/nvme0n1/nvme0n1p2/holders/dm-0`);
  tree.file('/sys/block/dm-0/dm/name', 'vg-root\n');
  expect(await findDiskUses(address, tree.root)).toEqual([
    { name: 'nvme0n1p2', use: 'held', device: 'dm-0', mapped: 'vg-root' },
  ]);
});

test('S2/ a partition behind a loop device is in use, by whatever name', async () => {
  disk('nvme0n1', '259');
  tree.file('/sys/block/loop3/loop/backing_file', '/dev/by-id/root\n');
  tree.file('/sys/block/loop4/loop/backing_file', '/images/disk.img\n');
  tree.file('/dev/nvme0n1p1');
  tree.link('/dev/by-id/root', '../nvme0n1p1');
  expect(await findDiskUses(address, tree.root)).toEqual([
    { name: 'nvme0n1p1', use: 'held', device: 'loop3' },
  ]);
});

describe('S2/ a disk that a process has open, without a claim,', () => {
  /** Makes every descriptor lead to a block device of this number. Only root could create a real node. */
  function openNode(number: [major: number, minor: number]): void {
    const [major, minor] = number;
    const rdev = ((minor & 0xfff00) << 12) | (major << 8) | (minor & 0xff);
    const facts = { rdev, isBlockDevice: () => true, isCharacterDevice: () => false };
    jest.spyOn(promises, 'stat').mockResolvedValue(facts as never);
  }

  afterEach(() => {
    jest.restoreAllMocks();
  });

  test('is in use, and the process is named', async () => {
    disk('nvme0n1', '259');
    tree.process(42, 'dd', ['/dev/nvme0n1', 'socket:[7]']);
    openNode([259, 0]);
    expect(await findDiskUses(address, tree.root)).toEqual([
      { name: 'nvme0n1', use: 'open', holder: { pid: 42, name: 'dd', isThis: false } },
    ]);
  });

  test('is known by its number, under another name and in another mount namespace', async () => {
    disk('nvme0n1', '259');
    tree.file(`${below}/nvme/nvme0/nvme0n1/nvme0n1p2/dev`, '259:300\n');
    tree.process(42, 'qemu', ['/srv/jail/dev/vda (deleted)']);
    openNode([259, 300]);
    expect(await findDiskUses(address, tree.root)).toEqual([
      { name: 'nvme0n1p2', use: 'open', holder: { pid: 42, name: 'qemu', isThis: false } },
    ]);
  });

  test.each([
    ['nvme', 'nvme0', `${below}/nvme/nvme0`, 'nvme0'],
    ['nvme-generic', 'ng0n1', `${below}/nvme/nvme0/ng0n1`, 'ng0n1'],
    ['scsi_generic', 'sg0', `${below}/host0/0:0:0:0/scsi_generic/sg0`, 'sg0'],
    ['scsi_tape', 'nst0', `${below}/host0/0:0:0:0/scsi_tape/nst0`, 'nst0'],
    ['scsi_changer', 'sch0', `${below}/host0/0:0:0:0/scsi_changer/sch0`, 'sch0'],
    ['bsg', '0:0:0:0', `${below}/host0/0:0:0:0/bsg/0:0:0:0`, 'bsg/0:0:0:0'],
  ])(
    'or what is no disk, is in use through a character device of %s',
    async (kind, name, path, shown) => {
      // The number of /dev/null, which every user can open.
      tree.file(`${path}/dev`, '1:3\n');
      tree.link(`/sys/class/${kind}/${name}`, path);
      tree.process(process.pid, 'node', ['/dev/null']);
      const holder = { pid: process.pid, name: 'node', isThis: true };
      const expected = [{ name: shown, use: 'open', holder }];
      expect(await findDiskUses(address, tree.root)).toEqual(expected);
      disk('nvme0n1', '259');
      expect(await findDiskUses(address, tree.root)).toEqual(expected);
    },
  );

  test('behind a subsystem of several controllers is in use through its character device', async () => {
    const subsystem = '/sys/devices/virtual/nvme-subsystem/nvme-subsys0';
    tree.folder(`${below}/nvme/nvme0`);
    tree.link(`${subsystem}/nvme0`, `${below}/nvme/nvme0`);
    tree.file(`${subsystem}/ng0n1/dev`, '1:3\n');
    tree.link('/sys/class/nvme-generic/ng0n1', `${subsystem}/ng0n1`);
    tree.process(process.pid, 'node', ['/dev/null']);
    expect(await findDiskUses(address, tree.root)).toMatchObject([{ name: 'ng0n1' }]);
  });

  test('is looked for only where a node can be: a file system that hangs would hang this too', async () => {
    disk('nvme0n1', '259');
    tree.process(42, 'cat', ['/mnt/nfs/file', 'pipe:[8]', '/dev/null']);
    const stat = jest.spyOn(promises, 'stat');
    await findDiskUses(address, tree.root);
    expect(stat.mock.calls).toEqual([[`${tree.root}/proc/42/fd/2`]]);
  });

  test('is not taken for free when a process cannot be looked into for want of descriptors', async () => {
    disk('nvme0n1', '259');
    tree.process(42, 'dd', ['/dev/nvme0n1']);
    const failure = Object.assign(new Error('EMFILE'), { code: 'EMFILE', errno: -24 });
    jest.spyOn(promises, 'readlink').mockRejectedValue(failure);
    await expect(findDiskUses(address, tree.root)).rejects.toMatchObject({ code: 'EMFILE' });
  });

  test('is taken for free when it belongs to another user, or the process has just ended', async () => {
    disk('nvme0n1', '259');
    tree.process(42, 'dd', ['/dev/nvme0n1']);
    const failure = Object.assign(new Error('EACCES'), { code: 'EACCES', errno: -13 });
    jest.spyOn(promises, 'readlink').mockRejectedValue(failure);
    expect(await findDiskUses(address, tree.root)).toEqual([]);
  });
});

test('S2/ every use of every disk is told', async () => {
  disk('nvme0n1', '259');
  disk('nvme0n2', '260');
  mount('260:0', '/a', '/dev/nvme0n2');
  tree.folder(`${below}/nvme/nvme0/nvme0n1/holders/md0`);
  expect(await findDiskUses(address, tree.root)).toHaveLength(2);
});
