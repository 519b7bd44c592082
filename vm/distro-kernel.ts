// SPDX-License-Identifier: MIT
// The distribution's own kernel, from its package.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { distribution, hostSources, PrivateApt } from './apt.js';
import { ofDistribution } from './apt-sources.js';
import { cached, hash, withScratch } from './cache.js';
import { VmError } from './errors.js';
import type { Kernel } from './kernel.js';
import { pickModules, WANTED_MODULES } from './kernel-modules.js';
import { progress } from './progress.js';
import { unpackKernel } from './vmlinux.js';

/** The package that always depends on the current kernel. */
const META_PACKAGES: Readonly<Record<string, string>> = {
  debian: 'linux-image-amd64',
  ubuntu: 'linux-image-generic',
};

/** Counts the ways {@link save} has laid out what it keeps. */
const LAYOUT = '1';

/** Fetched at first use, then kept: remove the folder from the cache to get a newer one. */
export async function distroKernel(): Promise<Kernel> {
  const { id, codename } = distribution('the distro kernel');
  const meta = META_PACKAGES[id];
  if (meta === undefined) {
    throw new VmError(
      'ERR_VM_MISSING',
      `the distro kernel is known for Debian and Ubuntu, not for "${id}"; use --kernel lab or a path`,
    );
  }
  const key = hash(meta, LAYOUT, ...WANTED_MODULES);
  const directory = await cached(`distro-kernel/${id}-${codename}-${key}`, (output) =>
    fetchKernel(meta, codename, output),
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

async function fetchKernel(meta: string, codename: string, output: string): Promise<void> {
  await withScratch(async (scratch) => {
    progress(`fetching the lists of packages`);
    const apt = await PrivateApt.open(scratch, ofDistribution(hostSources(), codename));
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
