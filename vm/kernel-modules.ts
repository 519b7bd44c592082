// SPDX-License-Identifier: MIT
// Picks the modules to load from an unpacked kernel package, in an order in which they can be loaded.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { requireProgram } from '../tools/run-program.js';
import type { KernelModule } from './kernel.js';

/** Drivers for the test machine, and the algorithms that they request from the kernel by name. */
export const WANTED_MODULES: readonly string[] = [
  'virtio_pci',
  'virtio_console',
  'virtio_blk',
  'virtio_rng',
  '9pnet_virtio',
  '9p',
  'overlay',
  'crc32c_generic',
  'ext4',
  'crc64_rocksoft_generic',
  'crct10dif_generic',
  'nvme',
  'e1000e',
  'vfio_pci',
  'vfio_iommu_type1',
];

const FILE_NAME = /^(.*)\.ko(\.gz|\.xz|\.zst)?$/;

/**
 * The wanted modules below these directories, each after the modules it depends on. A module without a file is built
 * into this kernel, or this kernel does not need it.
 */
export function pickModules(directories: readonly string[]): KernelModule[] {
  const paths = new Map(directories.flatMap(moduleFiles));
  const contents = new Map<string, Buffer>();
  const read = (name: string): Buffer => {
    const data = contents.get(name) ?? readModule(paths.get(name) ?? '');
    contents.set(name, data);
    return data;
  };
  const present = WANTED_MODULES.filter((name) => paths.has(name));
  const order = loadOrder(present, (name) => dependencies(read(name)));
  return order.map((name) => ({ name, data: read(name) }));
}

/** The names and everything they need, each once, and after everything it needs. */
export function loadOrder(names: readonly string[], needs: (name: string) => string[]): string[] {
  const order = new Set<string>();
  const add = (name: string): void => {
    if (order.has(name)) return;
    for (const needed of needs(name)) add(needed);
    order.add(name);
  };
  for (const name of names) add(name);
  return [...order];
}

/** The modules that a module names in its `.modinfo` section ("depends=a,b"). */
export function dependencies(module: Buffer): string[] {
  const key = Buffer.from('\0depends=');
  const start = module.indexOf(key);
  if (start < 0) return [];
  const end = module.indexOf(0, start + key.length);
  const value = module.toString('latin1', start + key.length, end);
  return value
    .split(',')
    .filter((name) => name !== '')
    .map(canonical);
}

/** File names have `-` where the kernel's names have `_`. */
function canonical(name: string): string {
  return name.replaceAll('-', '_');
}

/** Pairs of a module's name and the path of its file. */
function moduleFiles(directory: string): [name: string, path: string][] {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    const name = FILE_NAME.exec(entry.name)?.[1];
    return name === undefined ? [] : [[canonical(name), join(entry.parentPath, entry.name)]];
  });
}

function readModule(path: string): Buffer {
  const suffix = FILE_NAME.exec(basename(path))?.[2];
  if (suffix === undefined) return readFileSync(path);
  if (suffix === '.gz') return gunzipSync(readFileSync(path));
  const program = requireProgram(suffix === '.xz' ? 'xz' : 'zstd');
  return execFileSync(program, ['-dc', path], { maxBuffer: 2 ** 28 });
}
