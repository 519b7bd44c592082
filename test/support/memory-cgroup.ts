// SPDX-License-Identifier: MIT
// A control group that limits the memory of another process.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const list = '/proc/cgroups';

/** Whether the kernel was built with memory limits for control groups. */
export const hasMemoryCgroups = existsSync(list) && /^memory\s/m.test(readFileSync(list, 'utf8'));

export class MemoryCgroup implements Disposable {
  readonly #root = '/run/vfio-cgroup';
  readonly #path = join(this.#root, 'limited');

  constructor(bytes: number) {
    mkdirSync(this.#root);
    execFileSync('mount', ['-t', 'cgroup2', 'none', this.#root]);
    writeFileSync(join(this.#root, 'cgroup.subtree_control'), '+memory');
    mkdirSync(this.#path);
    writeFileSync(join(this.#path, 'memory.max'), `${bytes}`);
  }

  add(pid: number): void {
    writeFileSync(join(this.#path, 'cgroup.procs'), `${pid}`);
  }

  /** The processes of the control group must have ended. */
  [Symbol.dispose](): void {
    rmdirSync(this.#path);
    execFileSync('umount', [this.#root]);
    rmdirSync(this.#root);
  }
}
