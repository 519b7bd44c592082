// SPDX-License-Identifier: MIT
// Whether a device carries a disk that someone uses: taking its driver away would pull it from
// under them.
import { closeSync, constants, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { exists, isAbsence, listNames, lookFailed, readText, realPath } from './files.js';

/** A disk or partition in use, and what uses it. */
export interface DiskUse {
  name: string;
  use: string;
}

/** What uses the disks behind a PCI device. */
export function findDiskUses(address: string, root = ''): DiskUse[] {
  const mounts = readMounts(root);
  const swaps = readSwaps(root);
  return disksBehind(address, root).flatMap((disk) => {
    const known = partsOf(disk, root).flatMap((part) => usesOf(part, mounts, swaps, root));
    return known.length > 0 ? known : claimOf(disk, root);
  });
}

/** A whole disk or a partition: its name in /dev, and its folder in sysfs. */
interface Part {
  name: string;
  path: string;
}

function disksBehind(address: string, root: string): string[] {
  const block = `${root}/sys/block`;
  return listNames(block).filter((disk) => {
    const real = realPath(`${block}/${disk}`);
    return real !== undefined && (isBelow(real, address) || hasPathThrough(dirname(real), address));
  });
}

function isBelow(path: string, address: string): boolean {
  return `${path}/`.includes(`/${address}/`);
}

/** A multipath NVMe disk hangs under a virtual subsystem that links to its controllers. */
function hasPathThrough(subsystem: string, address: string): boolean {
  return listNames(subsystem)
    .filter((name) => /^nvme\d+$/.test(name))
    .some((name) => isBelow(realPath(`${subsystem}/${name}`) ?? '', address));
}

function partsOf(disk: string, root: string): Part[] {
  const path = `${root}/sys/block/${disk}`;
  const partitions = listNames(path).filter((name) => exists(`${path}/${name}/partition`));
  return [{ name: disk, path }, ...partitions.map((name) => ({ name, path: `${path}/${name}` }))];
}

function usesOf({ name, path }: Part, mounts: Mount[], swaps: string[], root: string): DiskUse[] {
  const number = readText(`${path}/dev`);
  const node = nodeOf(name);
  const mounted = mounts.filter((mount) => mount.number === number || mount.source === node);
  const holders = listNames(`${path}/holders`);
  const swap = swaps.some((swap) => swap === node || realPath(root + swap) === root + node);
  return [
    ...mounted.map(({ point }) => ({ name, use: `is mounted on ${point}` })),
    ...holders.map((holder) => ({ name, use: `is held by ${holder}` })),
    ...(swap ? [{ name, use: 'is swap space' }] : []),
  ];
}

/**
 * An exclusive open fails while anyone claims the disk or a part of it, in other mount namespaces
 * and in ways that sysfs does not show (btrfs of several disks, ZFS).
 */
function claimOf(disk: string, root: string): DiskUse[] {
  try {
    closeSync(openSync(root + nodeOf(disk), constants.O_RDONLY | constants.O_EXCL));
    return [];
  } catch (failure) {
    const { code } = failure as NodeJS.ErrnoException;
    if (code === 'EBUSY') return [{ name: disk, use: 'is claimed by another user of it' }];
    // A drive without its medium, or one that this user may not open.
    if (code === 'ENOMEDIUM' || isAbsence(failure)) return [];
    throw lookFailed(failure);
  }
}

function nodeOf(name: string): string {
  return `/dev/${name.replaceAll('!', '/')}`;
}

interface Mount {
  number: string | undefined;
  point: string | undefined;
  source: string | undefined;
}

// proc(5): the third field is major:minor, the fifth the mount point, the second after " - " the
// source.
function readMounts(root: string): Mount[] {
  const lines = (readText(`${root}/proc/self/mountinfo`) ?? '').split('\n');
  return lines.map((line) => {
    const [left = '', right = ''] = line.split(' - ');
    const fields = left.split(' ');
    return { number: fields[2], point: fields[4], source: right.split(' ')[1] };
  });
}

function readSwaps(root: string): string[] {
  const lines = (readText(`${root}/proc/swaps`) ?? '').split('\n').slice(1);
  return lines.flatMap((line) => line.split(/\s/, 1)).filter((name) => name !== '');
}
