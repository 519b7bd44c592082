// SPDX-License-Identifier: MIT
// The conditions of a run: machine, kernel, Node and commit.
import { spawnSync } from 'node:child_process';
import { cpus, loadavg, release } from 'node:os';
import { projectRoot } from '../tools/paths.js';
import type { Machine } from './report.js';

/** The machine as it is now. Whether threads can be bound to processors is known only later. */
export function conditions(backend: string): Omit<Machine, 'pinned'> {
  const [first, ...rest] = cpus();
  const cpu = first?.model ?? 'unknown';
  return {
    cpu,
    processors: rest.length + 1,
    backend,
    emulated: /QEMU|TCG/.test(cpu),
    kernel: release(),
    node: process.versions.node,
    v8: process.versions.v8,
    load: loadavg()[0] ?? 0,
    date: new Date().toISOString(),
  };
}

/** The commit of the checkout, with `+` if it has uncommitted changes. `unknown` without git. */
export function commit(): string {
  const id = git('rev-parse', '--short', 'HEAD');
  if (id === undefined) return 'unknown';
  return git('status', '--porcelain', '--untracked-files=no') === '' ? id : `${id}+`;
}

function git(...args: string[]): string | undefined {
  const { status, stdout } = spawnSync('git', args, { cwd: projectRoot, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}
