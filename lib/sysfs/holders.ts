// SPDX-License-Identifier: MIT
// Finds the processes that have a file open. Asynchronous, because a busy server has a hundred thousand descriptors.
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { ifThere } from './files.js';

/** A process and its name. */
export interface Holder {
  pid: number;
  name: string;
  /** Whether it is this process itself. */
  isThis: boolean;
}

/** The words for a process in a message. */
export function nameHolder({ pid, name, isThis }: Holder): string {
  return isThis ? `this process (${pid})` : `process ${pid} (${name})`;
}

/** The processes that have `path` open, if this user can inspect them. */
export async function findHolders(path: string, root = ''): Promise<Holder[]> {
  const open = await findOpen(root, (target) => (target === path ? path : undefined));
  return open.map(({ holder }) => holder);
}

/** A device node that a process has open. */
export interface OpenNode {
  /** As {@link nodeNumber} writes it. */
  number: string;
  holder: Holder;
}

/**
 * The processes that have one of these device nodes open, if this user can inspect them. It finds nodes under any name
 * below a directory called `dev`, in any mount namespace. It does not find nodes in other directories.
 */
export async function findOpenNodes(numbers: readonly string[], root = ''): Promise<OpenNode[]> {
  const open = await findOpen(root, async (target, link) => {
    // Calls stat only for paths that can be nodes: on a file system that hangs, stat never returns.
    if (!target.includes('/dev/')) return undefined;
    const node = await ifThere(stat(link));
    const number = node === undefined ? undefined : nodeNumber(node);
    return number !== undefined && numbers.includes(number) ? number : undefined;
  });
  return open.map(({ key, holder }) => ({ number: key, holder }));
}

/** The part of a file's status that {@link nodeNumber} needs. */
interface NodeFacts {
  rdev: number;
  isBlockDevice(): boolean;
  isCharacterDevice(): boolean;
}

/** The device that a node stands for, whatever its name: `b259:0` or `c242:1`. Undefined if the file is not a node. */
function nodeNumber(node: NodeFacts): string | undefined {
  const kind = node.isBlockDevice() ? 'b' : 'c';
  return kind === 'b' || node.isCharacterDevice() ? kind + deviceNumber(node.rdev) : undefined;
}

/** `major:minor` of a dev_t that stat returned. */
function deviceNumber(device: number): string {
  return `${(device >>> 8) & 0xfff}:${(device & 0xff) | ((device >>> 12) & 0xfff00)}`;
}

/** The process that has locked a file with flock. */
export async function findLocker(
  file: { dev: number; ino: number },
  root = '',
): Promise<Holder | undefined> {
  // proc(5): the fifth field is the process. The sixth is major:minor:inode, with major and minor in hexadecimal.
  const lines = (await readFile(`${root}/proc/locks`, 'utf8')).split('\n');
  const [major, minor] = deviceNumber(file.dev).split(':').map(Number) as [number, number];
  for (const [, , , , pid, id = ''] of lines.map((line) => line.split(/\s+/))) {
    const [a = '', b = '', inode] = id.split(':');
    const isFile = Number(inode) === file.ino;
    if (isFile && Number.parseInt(a, 16) === major && Number.parseInt(b, 16) === minor) {
      return holderOf(Number(pid), root);
    }
  }
  return undefined;
}

/** Calls `keyOf` for everything that a process has open. Returns each process with each key that it returned. */
async function findOpen(
  root: string,
  keyOf: (target: string, link: string) => Promise<string | undefined> | string | undefined,
): Promise<{ key: string; holder: Holder }[]> {
  const names = (await ifThere(readdir(`${root}/proc`))) ?? [];
  const found: { key: string; holder: Holder }[] = [];
  for (const name of names.filter((name) => /^\d+$/.test(name))) {
    const keys = await keysIn(`${root}/proc/${name}/fd`, keyOf);
    if (keys.size === 0) continue;
    const holder = await holderOf(Number(name), root);
    found.push(...[...keys].map((key) => ({ key, holder })));
  }
  return found.sort((a, b) => a.holder.pid - b.holder.pid);
}

async function keysIn(
  folder: string,
  keyOf: (target: string, link: string) => Promise<string | undefined> | string | undefined,
): Promise<Set<string>> {
  const descriptors = (await ifThere(readdir(folder))) ?? [];
  const keys = await Promise.all(
    descriptors.map(async (fd) => {
      const link = `${folder}/${fd}`;
      const target = await ifThere(readlink(link));
      return target === undefined ? undefined : keyOf(target, link);
    }),
  );
  return new Set(keys.filter((key) => key !== undefined));
}

async function holderOf(pid: number, root: string): Promise<Holder> {
  const name = await readFile(`${root}/proc/${pid}/comm`, 'utf8').catch(() => '?');
  return { pid, name: name.trim(), isThis: pid === process.pid };
}
