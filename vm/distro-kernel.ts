// SPDX-License-Identifier: MIT
// The distribution's kernels, from their packages: the kernel of the release, and the newer one from backports.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cached, hash, withScratch } from '../tools/cache.js';
import { progress } from '../tools/progress.js';
import { distribution, hostSources, PrivateApt } from './apt.js';
import { type AptSource, backportsOf, ofDistribution } from './apt-sources.js';
import { VmError } from './errors.js';
import type { Kernel } from './kernel.js';
import { pickModules, WANTED_MODULES } from './kernel-modules.js';
import { unpackKernel } from './vmlinux.js';

/** The package of each distribution that always depends on the current kernel. */
const META_PACKAGES: { debian: string } & Readonly<Record<string, string>> = {
  debian: 'linux-image-amd64',
  ubuntu: 'linux-image-generic',
};

/** The version of the layout that {@link save} writes. A new version makes the cache be filled again. */
const LAYOUT = '1';

/** The kernel of the release, downloaded once and cached. To get a newer one, remove its folder from the cache. */
export function distroKernel(): Promise<Kernel> {
  const { id, codename } = distribution('the distro kernel');
  const meta = META_PACKAGES[id];
  if (meta === undefined) {
    throw new VmError(
      'ERR_VM_MISSING',
      `there is no distro kernel for "${id}", only for Debian and Ubuntu; use --kernel lab or the path of a kernel image`,
    );
  }
  return packagedKernel(`${id}-${codename}`, meta, () => ofDistribution(hostSources(), codename));
}

/** The newer kernel from Debian's backports, downloaded and cached in the same way. */
export function backportsKernel(): Promise<Kernel> {
  const { id, codename } = distribution('the distro-backports kernel');
  if (id !== 'debian') {
    throw new VmError(
      'ERR_VM_MISSING',
      `there is no distro-backports kernel for "${id}", only for Debian; use --kernel distro, lab or the path of a kernel image`,
    );
  }
  return packagedKernel(`${id}-${codename}-backports`, META_PACKAGES.debian, () =>
    backportsOf(hostSources(), codename),
  );
}

async function packagedKernel(
  release: string,
  meta: string,
  sources: () => AptSource[],
): Promise<Kernel> {
  const key = hash(meta, LAYOUT, ...WANTED_MODULES);
  const directory = await cached(`distro-kernel/${release}-${key}`, (output) =>
    fetchKernel(meta, sources(), output),
  );
  const modules = join(directory, 'modules');
  return {
    image: join(directory, 'kernel'),
    hotplug: 'acpi',
    modules: readdirSync(modules)
      .sort()
      .map((name) => ({ name, data: readFileSync(join(modules, name)) })),
  };
}

async function fetchKernel(
  meta: string,
  sources: readonly AptSource[],
  output: string,
): Promise<void> {
  await withScratch(async (scratch) => {
    progress(`downloading the package lists`);
    const apt = await PrivateApt.open(scratch, sources);
    const packages = await kernelPackages(apt, meta);
    const unpacked: string[] = [];
    for (const name of packages) {
      progress(`downloading ${name}`);
      unpacked.push(await apt.unpack(name));
    }
    progress('unpacking the kernel');
    save(unpacked, output);
  });
}

/** The packages of the image and, on Ubuntu, of its modules, which have packages of their own there. */
async function kernelPackages(apt: PrivateApt, meta: string): Promise<string[]> {
  if (!(await apt.has(meta)))
    throw new VmError(
      'ERR_VM_MISSING',
      `cannot find a kernel: the package sources of this computer have no package ${meta}`,
    );
  const pattern = /^linux-(image|modules|modules-extra)-\d/;
  const packages = (await apt.dependencies(meta)).filter((name) => pattern.test(name));
  const more = await Promise.all(packages.map((name) => apt.dependencies(name)));
  return [...new Set([...packages, ...more.flat().filter((name) => pattern.test(name))])];
}

function save(unpacked: readonly string[], output: string): void {
  mkdirSync(join(output, 'modules'), { recursive: true });
  for (const directory of unpacked) {
    const boot = join(directory, 'boot');
    const image = existsSync(boot) && readdirSync(boot).find((name) => name.startsWith('vmlinuz-'));
    if (image) saveImage(join(boot, image), join(output, 'kernel'));
  }
  const modules = pickModules(unpacked);
  modules.forEach(({ name, data }, index) => {
    writeFileSync(join(output, 'modules', `${String(index).padStart(3, '0')}-${name}.ko`), data);
  });
}

function saveImage(path: string, output: string): void {
  const image = readFileSync(path);
  writeFileSync(output, unpackKernel(image) ?? image);
}
