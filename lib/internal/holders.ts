// SPDX-License-Identifier: MIT
// Which processes have a file open. Asynchronous: a busy server has a hundred thousand descriptors.
import { readdir, readFile, readlink } from 'node:fs/promises';
import type { Holder } from '../hints.js';

/** The processes that hold `path`, as far as this user may look into them. */
export async function findHolders(path: string, root = ''): Promise<Holder[]> {
  const names = await readdir(`${root}/proc`).catch(() => []);
  const holders: Holder[] = [];
  for (const name of names.filter((name) => /^\d+$/.test(name))) {
    const folder = `${root}/proc/${name}`;
    if (await holds(folder, path)) holders.push({ pid: Number(name), name: await nameOf(folder) });
  }
  return holders.sort((a, b) => a.pid - b.pid);
}

async function holds(folder: string, path: string): Promise<boolean> {
  const descriptors = await readdir(`${folder}/fd`).catch(() => []);
  const targets = await Promise.all(
    descriptors.map((fd) => readlink(`${folder}/fd/${fd}`).catch(() => '')),
  );
  return targets.includes(path);
}

async function nameOf(folder: string): Promise<string> {
  const name = await readFile(`${folder}/comm`, 'utf8').catch(() => '?');
  return name.trim();
}
