// SPDX-License-Identifier: MIT
// A control group with a limit on memory, for another process.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const list = '/proc/cgroups';

/** Whether the kernel was built with such limits. */
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

  /** Its processes have to be gone. */
  [Symbol.dispose](): void {
    rmdirSync(this.#path);
    execFileSync('umount', [this.#root]);
    rmdirSync(this.#root);
  }
}
