// SPDX-License-Identifier: MIT
// Which processes have a file open. Asynchronous: a busy server has a hundred thousand descriptors.
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { ifThere } from './files.js';

/** A process and what it is called. */
export interface Holder {
  pid: number;
  name: string;
}

/** A process in words. */
export function nameHolder({ pid, name }: Holder): string {
  return pid === process.pid ? `this process (${pid})` : `process ${pid} (${name})`;
}

/** The processes that hold `path`, as far as this user may look into them. */
export async function findHolders(path: string, root = ''): Promise<Holder[]> {
  const open = await findOpen(root, (target) => (target === path ? path : undefined));
  return open.map(({ holder }) => holder);
}

/** A device node that a process has open. */
export interface OpenNode {
  /** As {@link nodeNumber} has it. */
  number: string;
  holder: Holder;
}

/**
 * The processes that have one of these device nodes open, under any name below a folder called `dev` and in any mount
 * namespace, as far as this user may look into them. A node that somebody made elsewhere is not found.
 */
export async function findOpenNodes(numbers: readonly string[], root = ''): Promise<OpenNode[]> {
  const open = await findOpen(root, async (target, link) => {
    // Only what may be a node: on a file system that hangs, stat never answers.
    if (!target.includes('/dev/')) return undefined;
    const node = await ifThere(stat(link));
    const number = node === undefined ? undefined : nodeNumber(node);
    return number !== undefined && numbers.includes(number) ? number : undefined;
  });
  return open.map(({ key, holder }) => ({ number: key, holder }));
}

/** The facts of a file that {@link nodeNumber} looks at. */
interface NodeFacts {
  rdev: number;
  isBlockDevice(): boolean;
  isCharacterDevice(): boolean;
}

/** `b259:0` or `c242:1`: which device a node is of, whatever its name; undefined for another file. */
function nodeNumber(node: NodeFacts): string | undefined {
  const kind = node.isBlockDevice() ? 'b' : 'c';
  return kind === 'b' || node.isCharacterDevice() ? kind + deviceNumber(node.rdev) : undefined;
}

/** `major:minor` of a dev_t as stat gives it. */
function deviceNumber(device: number): string {
  return `${(device >>> 8) & 0xfff}:${(device & 0xff) | ((device >>> 12) & 0xfff00)}`;
}

/** The process that has a file locked by flock. */
export async function findLocker(
  file: { dev: number; ino: number },
  root = '',
): Promise<Holder | undefined> {
  // proc(5): the fifth field is the process, the sixth major:minor:inode, the first two in hexadecimal.
  const lines = (await readFile(`${root}/proc/locks`, 'utf8')).split('\n');
  const [major, minor] = deviceNumber(file.dev).split(':').map(Number) as [number, number];
  for (const [, , , , pid, id = ''] of lines.map((line) => line.split(/\s+/))) {
    const [a = '', b = '', inode] = id.split(':');
    const isFile = Number(inode) === file.ino;
    if (isFile && Number.parseInt(a, 16) === major && Number.parseInt(b, 16) === minor) {
      return { pid: Number(pid), name: await nameOf(`${root}/proc/${pid}`) };
    }
  }
  return undefined;
}

/** The processes that have something open which has a key, with the key, a line each. */
async function findOpen(
  root: string,
  keyOf: (target: string, link: string) => Promise<string | undefined> | string | undefined,
): Promise<{ key: string; holder: Holder }[]> {
  const names = (await ifThere(readdir(`${root}/proc`))) ?? [];
  const found: { key: string; holder: Holder }[] = [];
  for (const name of names.filter((name) => /^\d+$/.test(name))) {
    const folder = `${root}/proc/${name}`;
    const keys = await keysIn(`${folder}/fd`, keyOf);
    if (keys.size === 0) continue;
    const holder = { pid: Number(name), name: await nameOf(folder) };
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

async function nameOf(folder: string): Promise<string> {
  const name = await readFile(`${folder}/comm`, 'utf8').catch(() => '?');
  return name.trim();
}
