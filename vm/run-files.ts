// SPDX-License-Identifier: MIT
// Opens the files of one run for QEMU: kernel, initrd, disk and images.
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheDirectory, projectRoot } from '../tools/paths.js';
import { treesToShow } from './caller.js';
import { cpio, cpioFile } from './cpio.js';
import { VmError } from './errors.js';
import { modulesImage, nodeImage } from './images.js';
import { buildInit } from './init.js';
import { encodeJob } from './job.js';
import type { Kernel } from './kernel.js';
import type { VmOptions } from './options.js';
import { PROJECT_IN_INITRD, projectFiles } from './project-files.js';
import type { QemuFiles } from './qemu.js';

const DISK_SIZE = 2 ** 30;

/** Opens the files that QEMU needs, calls `use`, and closes them. */
export async function withRunFiles<T>(
  kernel: Kernel,
  options: VmOptions,
  use: (files: QemuFiles) => Promise<T>,
): Promise<T> {
  const images = await findImages();
  const initrd = await buildInitrd(kernel, options, Object.keys(images));
  const opened: number[] = [];
  const open = (fd: number): number => {
    opened.push(fd);
    return fd;
  };
  try {
    const openImages = Object.entries(images).map(([serial, path]) => [
      serial,
      open(openSync(path, 'r')),
    ]);
    return await use({
      kernel: open(openSync(kernel.image, 'r')),
      initrd: open(openInitrd(initrd)),
      disk: open(openDisk(options.disk)),
      images: Object.fromEntries(openImages),
    });
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

async function findImages(): Promise<Record<string, string>> {
  const modules = await modulesImage();
  return { node: await nodeImage(), ...(modules === undefined ? {} : { modules }) };
}

async function buildInitrd(kernel: Kernel, options: VmOptions, images: string[]): Promise<Buffer> {
  const project = projectFiles();
  const binds = project.directories.map(
    (name) => [`/${PROJECT_IN_INITRD}/${name}`, join(projectRoot, name)] as const,
  );
  const { cwd = projectRoot } = options;
  const job = encodeJob({
    images,
    binds: [
      ['/images/node/node', process.execPath],
      ...(images.includes('modules')
        ? [['/images/modules', join(projectRoot, 'node_modules')] as const]
        : []),
      ...binds,
    ],
    trees: treesToShow([projectRoot, cwd]),
    prepare: options.prepare ?? [],
    command: options.command,
    env: environment(options),
    cwd,
    user: options.user ?? 0,
  });
  return cpio([
    cpioFile('init', await buildInit(), 0o755),
    cpioFile('job', job),
    ...kernel.modules.map(({ name, data }) => cpioFile(`modules/${name}`, data)),
    ...project.entries,
  ]);
}

function environment(options: VmOptions): Record<string, string> {
  return {
    PATH: `${dirname(process.execPath)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    HOME: '/tmp',
    LANG: 'C.UTF-8',
    VFIO_VM_RESULTS: '/run/vfio-vm/results',
    VFIO_VM_HOST: '/run/vfio-vm/host',
    ...options.env,
  };
}

function openInitrd(data: Buffer): number {
  const fd = openUnnamed();
  writeFileSync(fd, data);
  return fd;
}

function openDisk(path: string | undefined): number {
  const fd = path === undefined ? openUnnamed() : openNamedDisk(path);
  if (fstatSync(fd).size === 0) ftruncateSync(fd, DISK_SIZE);
  return fd;
}

function openNamedDisk(path: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_CREAT);
  } catch (error) {
    throw new VmError(
      'ERR_VM_MISSING',
      `cannot open the image of the NVMe disk: ${(error as Error).message}`,
    );
  }
}

/** Opens a file without a name. The kernel removes it when its last descriptor is closed, even after SIGKILL. */
function openUnnamed(): number {
  const directory = join(cacheDirectory(), 'tmp');
  mkdirSync(directory, { recursive: true });
  const path = join(directory, randomUUID());
  const fd = openSync(path, 'wx+', 0o600);
  unlinkSync(path);
  return fd;
}
