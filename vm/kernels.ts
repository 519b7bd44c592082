// SPDX-License-Identifier: MIT
// Which kernel to boot.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { distroKernel } from './distro-kernel.js';
import { VmError } from './errors.js';
import type { Kernel } from './kernel.js';
import { findLabKernel, hasLabKernel } from './lab-kernel.js';

/** What to boot when nobody says: the lab kernel, or the one that is there without a build. */
export function defaultKernel(): 'lab' | 'distro' {
  return hasLabKernel() ? 'lab' : 'distro';
}

/** `lab`, `distro`, or the path of an image. */
export async function findKernel(name: string): Promise<Kernel> {
  if (name === 'lab') return { image: findLabKernel(), modules: [], hotplug: 'pcie' };
  if (name === 'distro') return distroKernel();
  const image = resolve(name);
  if (!existsSync(image)) {
    throw new VmError(
      'ERR_VM_MISSING',
      `no kernel image at ${image} (--kernel takes distro, lab or a path)`,
    );
  }
  return { image, modules: [], hotplug: 'acpi' };
}
