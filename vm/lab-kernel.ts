// SPDX-License-Identifier: MIT
// Finds the lab kernel: the project's small build of a recent kernel, with all of VFIO and no modules.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hash } from '../tools/cache.js';
import { cacheDirectory, projectRoot } from '../tools/paths.js';
import { VmError } from './errors.js';

/** Debian's package of the kernel sources, and the suite that has it. */
export const labSource = { package: 'linux-source-7.3', suite: 'trixie-backports' } as const;

export const labConfigPath = join(projectRoot, 'vm/lab.config');

/** The name of the build in the cache. It depends on the configuration and on the source package. */
export function labCacheName(): string {
  return `lab-kernel/${hash(labSource.package, readFileSync(labConfigPath))}`;
}

/** Whether {@link findLabKernel} finds a kernel. */
export function hasLabKernel(): boolean {
  return Boolean(process.env.VFIO_VM_KERNEL) || existsSync(join(cacheDirectory(), labCacheName()));
}

/** The image that `VFIO_VM_KERNEL` names, else the one that `npm run vm:kernel` built. */
export function findLabKernel(): string {
  const chosen = process.env.VFIO_VM_KERNEL;
  if (chosen && !existsSync(chosen)) {
    throw new VmError('ERR_VM_MISSING', `VFIO_VM_KERNEL names ${chosen}, which does not exist`);
  }
  const built = join(cacheDirectory(), labCacheName());
  if (chosen || existsSync(built)) return chosen || built;
  throw new VmError(
    'ERR_VM_MISSING',
    'there is no lab kernel yet. Build it with "npm run vm:kernel" (about 11 CPU minutes), or set VFIO_VM_KERNEL to the path of an image',
  );
}
