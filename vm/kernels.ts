// SPDX-License-Identifier: MIT
// Finds the kernel to boot, by its name or by the path of its image.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { callersFolder } from './caller.js';
import { backportsKernel, distroKernel } from './distro-kernel.js';
import { VmError } from './errors.js';
import type { Kernel } from './kernel.js';
import { findLabKernel, hasLabKernel } from './lab-kernel.js';

/** The kernels that have a name. Any other kernel is given by the path of its image. */
export const kernelNames = ['distro', 'distro-backports', 'lab'] as const;
export type VmKernel = (typeof kernelNames)[number];

const finders: Readonly<Record<VmKernel, () => Kernel | Promise<Kernel>>> = {
  distro: distroKernel,
  'distro-backports': backportsKernel,
  lab: () => ({ image: findLabKernel(), modules: [], hotplug: 'pcie' }),
};

/** The default: the lab kernel if it exists, else the distribution's kernel, which needs no build. */
export function defaultKernel(): VmKernel {
  return hasLabKernel() ? 'lab' : 'distro';
}

/** One of {@link kernelNames}, or the path of an image. */
export async function findKernel(name: string): Promise<Kernel> {
  if (isKernelName(name)) return finders[name]();
  const image = resolve(callersFolder(), name);
  if (!existsSync(image)) {
    throw new VmError(
      'ERR_VM_MISSING',
      `there is no kernel image at ${image} (--kernel takes ${kernelNames.join(', ')} or the path of an image)`,
    );
  }
  return { image, modules: [], hotplug: 'acpi' };
}

function isKernelName(name: string): name is VmKernel {
  return (kernelNames as readonly string[]).includes(name);
}
