// SPDX-License-Identifier: MIT
// The distribution's own kernels, from their packages: the release's, and the newer one of backports.
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

/** The package that always depends on the current kernel. */
const META_PACKAGES: { debian: string } & Readonly<Record<string, string>> = {
  debian: 'linux-image-amd64',
  ubuntu: 'linux-image-generic',
};

/** Counts the ways {@link save} has laid out what it keeps. */
const LAYOUT = '1';

/** The kernel of the release. Fetched at first use, then kept: remove the folder from the cache to get a newer one. */
export function distroKernel(): Promise<Kernel> {
  const { id, codename } = distribution('the distro kernel');
  const meta = META_PACKAGES[id];
  if (meta === undefined) {
    throw new VmError(
      'ERR_VM_MISSING',
      `the distro kernel is known for Debian and Ubuntu, not for "${id}"; use --kernel lab or a path`,
    );
  }
  return packagedKernel(`${id}-${codename}`, meta, () => ofDistribution(hostSources(), codename));
}

/** The newer kernel that Debian offers for its release, fetched and kept in the same way. */
export function backportsKernel(): Promise<Kernel> {
  const { id, codename } = distribution('the distro-backports kernel');
  if (id !== 'debian') {
    throw new VmError(
      'ERR_VM_MISSING',
      `only Debian has a distro-backports kernel, not "${id}"; use --kernel distro, lab or a path`,
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
    progress(`fetching the lists of packages`);
    const apt = await PrivateApt.open(scratch, sources);
    const packages = await kernelPackages(apt, meta);
    const unpacked: string[] = [];
    for (const name of packages) {
      progress(`fetching ${name}`);
      unpacked.push(await apt.unpack(name));
    }
    progress('unpacking the kernel');
    save(unpacked, output);
  });
}

/** The image and, where they come apart (Ubuntu), its modules. */
async function kernelPackages(apt: PrivateApt, meta: string): Promise<string[]> {
  if (!(await apt.has(meta)))
    throw new VmError('ERR_VM_MISSING', `the host's package sources have no ${meta}`);
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
