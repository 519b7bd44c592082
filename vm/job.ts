// SPDX-License-Identifier: MIT
// What the guest's init is told to do: NUL-terminated strings, a key and its value in turn
// (read by vm/init/job.c).

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
  const pairs: [key: string, value: string][] = [
    ...job.images.map((serial) => ['image', serial] as [string, string]),
    ...job.binds.flat().map((path) => ['bind', path] as [string, string]),
    ...job.trees.map((path) => ['tree', path] as [string, string]),
    ...job.prepare.map((arg) => ['prepare', arg] as [string, string]),
    ...job.command.map((arg) => ['arg', arg] as [string, string]),
    ...Object.entries(job.env).map(
      ([name, value]) => ['env', `${name}=${value}`] as [string, string],
    ),
    ['cwd', job.cwd],
    ['uid', String(job.user)],
  ];
  return Buffer.from(pairs.flat().map(terminated).join(''));
}

function terminated(text: string): string {
  if (text.includes('\0'))
    throw new TypeError(`a NUL byte cannot be passed to the guest: ${JSON.stringify(text)}`);
  return `${text}\0`;
}
