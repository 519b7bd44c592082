// SPDX-License-Identifier: MIT
// Finds the addon of the package and loads it. The errors of the steps that can fail are in load-failures.ts.
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { bundled, noBinary, noFinder, notLoaded, wrongFile } from './load-failures.js';

/** The part of node-gyp-build that is used here. */
interface Finder {
  /** The binary in a package's folder that suits this process. Throws if there is none. */
  path(root: string): string;
}

/** Loads the addon: the file that VFIO_BINARY names, or else the one that node-gyp-build finds in the package. */
export function requireAddon(): unknown {
  const { VFIO_BINARY: named } = process.env;
  const file = named ? resolve(named) : findBinary();
  const loaded = requireFile(file);
  if (!isAddon(loaded)) throw wrongFile(file);
  return loaded;
}

function requireFile(file: string): unknown {
  try {
    return createRequire(file)(file);
  } catch (cause) {
    throw notLoaded(file, cause);
  }
}

/** VFIO_BINARY may name a script or another addon, and Node would load that too. */
function isAddon(loaded: unknown): boolean {
  return typeof (loaded as { openContainer?: unknown } | null)?.openContainer === 'function';
}

function findBinary(): string {
  // In a bundle, this can be any value.
  const own: unknown = import.meta.url;
  const root = findRoot(own);
  const finder = requireFinder(root);
  try {
    // The path is relative if VFIO_PREBUILD is.
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
