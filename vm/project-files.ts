// SPDX-License-Identifier: MIT
// Collects the project's own files for the guest. They go into the initrd, because they are small, must be current, and
// are much faster to read there than over 9p.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../tools/paths.js';
import type { CpioEntry } from './cpio.js';
import { cpioFile } from './cpio.js';

/**
 * Directories that are copied completely, except for {@link LEFT_OUT}. The guest reads all others over 9p, such as the
 * developer builds, which are a hundred times as large.
 */
const DIRECTORIES = ['dist', 'build/guest', 'build/Release'];

/** Intermediate files of a build, which no program in the guest needs. */
const LEFT_OUT = /^(obj\.target|\.deps|.*\.(o|a|d\.ts))$/;

/** The directory in the initrd from which the guest's init takes these files. */
export const PROJECT_IN_INITRD = 'project';

export interface ProjectFiles {
  readonly entries: CpioEntry[];
  /** Those of the directories that exist, relative to the checkout. */
  readonly directories: string[];
}

export function projectFiles(): ProjectFiles {
  const entries: CpioEntry[] = [];
  const directories = DIRECTORIES.filter((name) => {
    const before = entries.length;
    addDirectory(entries, name);
    return entries.length > before;
  });
  return { entries, directories };
}

function addDirectory(entries: CpioEntry[], directory: string): void {
  const path = join(projectRoot, directory);
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  for (const item of readdirSync(path, { withFileTypes: true })) {
    if (LEFT_OUT.test(item.name)) continue;
    const name = `${directory}/${item.name}`;
    if (item.isDirectory()) addDirectory(entries, name);
    else if (item.isFile()) addFile(entries, name);
  }
}

function addFile(entries: CpioEntry[], name: string): void {
  const path = join(projectRoot, name);
  const executable = (statSync(path).mode & 0o100) !== 0;
  const entry = cpioFile(
    `${PROJECT_IN_INITRD}/${name}`,
    readFileSync(path),
    executable ? 0o755 : 0o644,
  );
  entries.push(entry);
}
