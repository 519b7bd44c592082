// SPDX-License-Identifier: MIT
// Finds out whether disks or tapes of a device are in use. Unbinding its driver would take them away from their users.
import { closeSync, constants, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { exists, isAbsence, isBelow, listNames, lookFailed, readText, realPath } from './files.js';
import { findOpenNodes, type Holder } from './holders.js';

/** A disk, partition or character device in use, and how it is used. */
export type DiskUse = { name: string } & (
  | { use: 'mounted'; point: string }
  /** Another block device uses it. `mapped` is the name of a dm device. */
  | { use: 'held'; device: string; mapped?: string | undefined }
  | { use: 'swap' }
  /** A process has it open, without a claim. This may end soon. */
  | { use: 'open'; holder: Holder }
  /** The kernel says that it is in use, and not how. */
  | { use: 'claimed' }
);

/** The uses of the disks and character devices behind a PCI device. */
export async function findDiskUses(address: string, root = ''): Promise<DiskUse[]> {
  const disks = disksBehind(address, root);
  const nodes = characterDevicesBehind(address, root);
  if (disks.length === 0 && nodes.length === 0) return [];
  const users = { mounts: readMounts(root), swaps: readSwaps(root), loops: readLoops(root) };
  const parts = disks.flatMap((disk) => partsOf(disk, root));
  const known = parts.flatMap((part) => usesOf(part, users, root));
  const opened = await findOpeners([...parts, ...nodes], root);
  const uses = [...known, ...opened];
  return uses.length > 0 ? uses : disks.flatMap((disk) => claimOf(disk, root));
}

/** A whole disk, a partition or a character device: its name in /dev, and its directory in sysfs. */
interface Part {
  name: string;
  path: string;
  /** The first letter of the number of its node, as holders.ts writes it. */
  kind: 'b' | 'c';
}

function disksBehind(address: string, root: string): string[] {
  const block = `${root}/sys/block`;
  return listNames(block).filter((disk) => {
    const real = realPath(`${block}/${disk}`);
    return real !== undefined && isBehind(real, address);
  });
}

/** The classes of character devices that reach a controller or the devices behind it, disks or not. */
const characterClasses = [
  'nvme',
  'nvme-generic',
  'scsi_generic',
  'scsi_tape',
  'scsi_changer',
  'bsg',
];

function characterDevicesBehind(address: string, root: string): Part[] {
  return characterClasses.flatMap((kind) => {
    const folder = `${root}/sys/class/${kind}`;
    return listNames(folder)
      .filter((name) => isBehind(realPath(`${folder}/${name}`) ?? '', address))
      .map((name) => ({
        name: kind === 'bsg' ? `bsg/${name}` : name,
        path: `${folder}/${name}`,
        kind: 'c' as const,
      }));
  });
}

function isBehind(path: string, address: string): boolean {
  return isBelow(path, address) || hasPathThrough(dirname(path), address);
}

/** In sysfs, a multipath NVMe disk belongs to a virtual subsystem, which links to its controllers. */
function hasPathThrough(subsystem: string, address: string): boolean {
  return listNames(subsystem)
    .filter((name) => /^nvme\d+$/.test(name))
    .some((name) => isBelow(realPath(`${subsystem}/${name}`) ?? '', address));
}

function partsOf(disk: string, root: string): Part[] {
  const path = `${root}/sys/block/${disk}`;
  const partitions = listNames(path).filter((name) => exists(`${path}/${name}/partition`));
  const parts = partitions.map((name) => ({ name, path: `${path}/${name}` }));
  return [{ name: disk, path }, ...parts].map((part) => ({ ...part, kind: 'b' }));
}

/** The users of disks for which no process has the disk open. */
interface Users {
  mounts: Mount[];
  swaps: string[];
  loops: Loop[];
}

function usesOf({ name, path }: Part, users: Users, root: string): DiskUse[] {
  const number = readText(`${path}/dev`);
  const node = nodeOf(name);
  const isNode = (other: string) => other === node || realPath(root + other) === root + node;
  const mounts = users.mounts.filter((mount) => mount.number === number || mount.source === node);
  const loops = users.loops.filter(({ file }) => isNode(file));
  return [
    ...mounts.map(({ point }) => ({ name, use: 'mounted' as const, point })),
    ...holdersOf(path, root).map((holder) => ({ name, use: 'held' as const, ...holder })),
    ...loops.map((loop) => ({ name, use: 'held' as const, device: loop.name })),
    ...(users.swaps.some(isNode) ? [{ name, use: 'swap' as const }] : []),
  ];
}

/** The block devices that use a disk or partition: md, bcache, and dm with its mapped name. */
function holdersOf(path: string, root: string): { device: string; mapped: string | undefined }[] {
  return listNames(`${path}/holders`).map((device) => ({
    device,
    mapped: readText(`${root}/sys/block/${device}/dm/name`),
  }));
}

/** The processes that have these open, even without claiming them. */
async function findOpeners(parts: readonly Part[], root: string): Promise<DiskUse[]> {
  const names = new Map(
    parts.map(({ name, path, kind }) => [kind + readText(`${path}/dev`), name] as const),
  );
  const nodes = await findOpenNodes([...names.keys()], root);
  return nodes.map(({ number, holder }) => ({
    name: names.get(number) as string,
    use: 'open',
    holder,
  }));
}

/**
 * An exclusive open fails while the disk or a part of it is claimed. This also finds uses in other mount namespaces,
 * and uses that sysfs does not show (btrfs on several disks, ZFS).
 */
function claimOf(disk: string, root: string): DiskUse[] {
  try {
    closeSync(openSync(root + nodeOf(disk), constants.O_RDONLY | constants.O_EXCL));
    return [];
  } catch (failure) {
    const { code } = failure as NodeJS.ErrnoException;
    if (code === 'EBUSY') return [{ name: disk, use: 'claimed' }];
    // The drive has no medium, or this user cannot open it.
    if (code === 'ENOMEDIUM' || isAbsence(failure)) return [];
    throw lookFailed(failure);
  }
}

function nodeOf(name: string): string {
  return `/dev/${name.replaceAll('!', '/')}`;
}

interface Mount {
  number: string | undefined;
  point: string;
  source: string | undefined;
}

// proc(5): the third field is major:minor, the fifth is the mount point, and the second after " - " is the source.
function readMounts(root: string): Mount[] {
  const lines = (readText(`${root}/proc/self/mountinfo`) ?? '').split('\n');
  return lines.map((line) => {
    const [left = '', right = ''] = line.split(' - ');
    const fields = left.split(' ');
    return { number: fields[2], point: fields[4] ?? '', source: right.split(' ')[1] };
  });
}

function readSwaps(root: string): string[] {
  const lines = (readText(`${root}/proc/swaps`) ?? '').split('\n').slice(1);
  return lines.flatMap((line) => line.split(/\s/, 1)).filter((name) => name !== '');
}

/** A loop device, and the file or disk behind it. */
interface Loop {
  name: string;
  file: string;
}

function readLoops(root: string): Loop[] {
  const block = `${root}/sys/block`;
  return listNames(block).flatMap((name) => {
    const file = readText(`${block}/${name}/loop/backing_file`);
    return file === undefined ? [] : [{ name, file }];
  });
}
