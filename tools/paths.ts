// SPDX-License-Identifier: MIT
// Paths of the checkout, of the cache folder, and of programs on the host.
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout: the nearest directory above this file that has a package.json. */
export const projectRoot = findProjectRoot(dirname(fileURLToPath(import.meta.url)));

function findProjectRoot(directory: string): string {
  return existsSync(join(directory, 'package.json'))
    ? directory
    : findProjectRoot(dirname(directory));
}

/** The cache folder. It holds kernels, images and the guest's init, all of which can be built again. */
export function cacheDirectory(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'vfio-vm');
}

/** Finds a program on PATH or in the directories of system programs, which an ordinary user's PATH leaves out. */
export function findProgram(name: string): string | undefined {
  const directories = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
  return directories
    .filter((directory) => directory !== '')
    .map((directory) => join(directory, name))
    .find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
