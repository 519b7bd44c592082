// SPDX-License-Identifier: MIT
// From the package to its addon, step by step: load-failures.ts has the words for each step that can fail.
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { bundled, noBinary, noFinder, notLoaded, notOurs } from './load-failures.js';

/** node-gyp-build, as far as it is used. */
interface Finder {
  /** The binary that suits this process, of a package's folder. Throws when there is none. */
  path(root: string): string;
}

/** Loads the addon: the file that VFIO_BINARY names, else the one that node-gyp-build finds in the package. */
export function requireAddon(): unknown {
  const { VFIO_BINARY: named } = process.env;
  const file = named ? resolve(named) : findBinary();
  const loaded = requireFile(file);
  if (!isAddon(loaded)) throw notOurs(file);
  return loaded;
}

function requireFile(file: string): unknown {
  try {
    return createRequire(file)(file);
  } catch (cause) {
    throw notLoaded(file, cause);
  }
}

/** Node loads scripts and the addons of others as well. */
function isAddon(loaded: unknown): boolean {
  return typeof (loaded as { openContainer?: unknown } | null)?.openContainer === 'function';
}

function findBinary(): string {
  // A bundle may have made anything of it.
  const own: unknown = import.meta.url;
  const root = findRoot(own);
  const finder = requireFinder(root);
  try {
    // It may have been told a relative one.
    return resolve(finder.path(root));
  } catch (cause) {
    throw noBinary(process.env.VFIO_PREBUILD || root, cause);
  }
}

/** The folder of the installed package. */
function findRoot(own: unknown): string {
  try {
    return dirname(createRequire(own as string).resolve('vfio/package.json'));
  } catch (cause) {
    throw bundled(own, cause);
  }
}

function requireFinder(root: string): Finder {
  try {
    return createRequire(`${root}/package.json`)('node-gyp-build') as Finder;
  } catch (cause) {
    throw noFinder(root, cause);
  }
}
