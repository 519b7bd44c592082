// SPDX-License-Identifier: MIT
// Encodes what the guest's init has to do, as vm/init/job.c reads it. NUL-terminated strings, a key and its value in
// turn.

export interface Job {
  /** Serial numbers of the disks to mount, at `/images/SERIAL`. */
  readonly images: readonly string[];
  /** From a path of the initrd to a path of the root file system. */
  readonly binds: readonly (readonly [from: string, to: string])[];
  /** Paths of the host that must be visible even below `/tmp` and `/run`. */
  readonly trees: readonly string[];
  readonly prepare: readonly string[];
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly user: number;
}

export function encodeJob(job: Job): Buffer {
  const variables = Object.entries(job.env).map(([name, value]) => `${name}=${value}`);
  const lists: Record<string, readonly string[]> = {
    image: job.images,
    bind: job.binds.flat(),
    tree: job.trees,
    prepare: job.prepare,
    arg: job.command,
    env: variables,
    cwd: [job.cwd],
    uid: [String(job.user)],
  };
  const pairs = Object.entries(lists).flatMap(([key, values]) =>
    values.flatMap((value) => [key, value]),
  );
  return Buffer.from(pairs.map(terminated).join(''));
}

function terminated(text: string): string {
  if (text.includes('\0'))
    throw new TypeError(`a NUL byte cannot be passed to the guest: ${JSON.stringify(text)}`);
  return `${text}\0`;
}
