// SPDX-License-Identifier: MIT
import fs, { constants } from 'node:fs';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { findDiskUses } from '../../lib/internal/disks.js';
import { FakeTree } from './lib-fake-tree.js';

const address = '0000:01:00.0';
const below = `/sys/devices/pci0000:00/${address}`;

let tree: FakeTree;

beforeEach(() => {
  tree = new FakeTree();
  tree.pci(address, { driver: 'nvme' });
});

afterEach(() => tree[Symbol.dispose]());

/** A disk of the device, with partitions. */
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

test('S2/ a device without disks has none in use', () => {
  expect(findDiskUses(address, tree.root)).toEqual([]);
  // Nor has a device that is not there, on this machine.
  expect(findDiskUses('ffff:ff:1f.7')).toEqual([]);
});

test('S2/ a disk that nobody uses is free', () => {
  disk('nvme0n1', '259');
  mount('8:1', '/', '/dev/sda1');
  tree.file('/proc/swaps', 'Filename\tType\n/dev/sda2   partition 1 0 -2\n');
  expect(findDiskUses(address, tree.root)).toEqual([]);
});

test('S2/ a mounted partition is in use', () => {
  disk('nvme0n1', '259');
  mount('259:1', '/data', '/dev/root');
  expect(findDiskUses(address, tree.root)).toEqual([
    { name: 'nvme0n1p1', use: 'is mounted on /data' },
  ]);
});

test('S2/ a disk mounted whole, under the number of its file system, is in use', () => {
  disk('nvme0n1', '259');
  mount('0:47', '/srv', '/dev/nvme0n1');
  expect(findDiskUses(address, tree.root)).toEqual([
    { name: 'nvme0n1', use: 'is mounted on /srv' },
  ]);
});

test('S2/ a partition held by device mapper or md is in use', () => {
  disk('nvme0n1', '259');
  tree.folder(`${below}/nvme/nvme0/nvme0n1/nvme0n1p2/holders/dm-0`);
  expect(findDiskUses(address, tree.root)).toEqual([{ name: 'nvme0n1p2', use: 'is held by dm-0' }]);
});

test('S2/ swap space is in use', () => {
  disk('nvme0n1', '259');
  tree.file('/proc/swaps', 'Filename\tType\n/dev/nvme0n1p2   partition 1 0 -2\n');
  expect(findDiskUses(address, tree.root)).toEqual([{ name: 'nvme0n1p2', use: 'is swap space' }]);
});

test('S2/ a disk of another device is no concern', () => {
  disk('nvme1n1', '260', '/sys/devices/pci0000:00/0000:02:00.0/nvme/nvme1/nvme1n1');
  mount('260:1', '/', '/dev/nvme1n1p1');
  expect(findDiskUses(address, tree.root)).toEqual([]);
});

test('S2/ a multipath disk is found through its controllers', () => {
  const subsystem = '/sys/devices/virtual/nvme-subsystem/nvme-subsys0';
  disk('nvme0n1', '259', `${subsystem}/nvme0n1`);
  tree.folder(`${below}/nvme/nvme0`);
  tree.link(`${subsystem}/nvme0`, `${below}/nvme/nvme0`);
  mount('259:2', '/data', '/dev/nvme0n1p2');
  expect(findDiskUses(address, tree.root)).toEqual([
    { name: 'nvme0n1p2', use: 'is mounted on /data' },
  ]);
});

test('S2/ a controller that is just going away is no way to a disk', () => {
  const subsystem = '/sys/devices/virtual/nvme-subsystem/nvme-subsys0';
  disk('nvme0n1', '259', `${subsystem}/nvme0n1`);
  tree.link(`${subsystem}/nvme0`, `${below}/nvme/nvme0`);
  mount('259:2', '/data', '/dev/nvme0n1p2');
  expect(findDiskUses(address, tree.root)).toEqual([]);
});

test('S2/ a disk that the kernel says is claimed is in use, though nothing else shows it', () => {
  disk('nvme0n1', '259');
  const open = jest.spyOn(fs, 'openSync').mockImplementation(() => {
    throw Object.assign(new Error('EBUSY'), { code: 'EBUSY' });
  });
  const uses = findDiskUses(address, tree.root);
  expect(open.mock.calls).toEqual([
    [`${tree.root}/dev/nvme0n1`, constants.O_RDONLY | constants.O_EXCL],
  ]);
  open.mockRestore();
  expect(uses).toEqual([{ name: 'nvme0n1', use: 'is claimed by another user of it' }]);
});

test('S2/ every use of every disk is told', () => {
  disk('nvme0n1', '259');
  disk('nvme0n2', '260');
  mount('260:0', '/a', '/dev/nvme0n2');
  tree.folder(`${below}/nvme/nvme0/nvme0n1/holders/md0`);
  expect(findDiskUses(address, tree.root)).toHaveLength(2);
});
