// SPDX-License-Identifier: MIT
// Encodes the job of the guest's init, as vm/init/job.c reads it. The job is a list of NUL-terminated strings, in which
// each key is followed by its value.

export interface Job {
  /** Serial numbers of the disks to mount, each at `/images/SERIAL`. */
  readonly images: readonly string[];
  /** Bind mounts, each from a path in the initrd to a path in the root file system. */
  readonly binds: readonly (readonly [from: string, to: string])[];
  /** Paths of the host that the guest must see even if they lie below `/tmp` or `/run`. */
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
