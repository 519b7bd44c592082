// SPDX-License-Identifier: MIT
// The copy of the checkout that gets the faults. The checkout itself never changes, however a run ends.
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { projectRoot } from '../../tools/paths.js';

/** The copy. It is kept between runs, together with its builds. */
export const tree = join(projectRoot, 'build/mutations');

/** Updates the copy. Unchanged files keep their modification time, so that make does not build them again. */
export function copyCheckout(): void {
  mkdirSync(tree, { recursive: true });
  for (const file of list(['--cached', '--others'])) {
    if (existsSync(join(projectRoot, file))) copyChanged(file);
    else rmSync(join(tree, file), { force: true });
  }
  const modules = join(tree, 'node_modules');
  if (!existsSync(modules)) symlinkSync(join(projectRoot, 'node_modules'), modules);
}

function list(which: readonly string[]): string[] {
  const args = ['ls-files', '-z', '--exclude-standard', ...which];
  const output = execFileSync('git', args, { cwd: projectRoot, encoding: 'utf8' });
  return output.split('\0').filter((file) => file !== '');
}

function copyChanged(file: string): void {
  const [from, to] = [join(projectRoot, file), join(tree, file)];
  if (existsSync(to) && readFileSync(from).equals(readFileSync(to))) return;
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to);
}

/** Changes a file of the copy while `work` runs. */
export async function withChange<T>(
  file: string,
  change: (source: string) => string,
  work: () => Promise<T>,
): Promise<T> {
  const path = join(tree, file);
  const original = readFileSync(path, 'utf8');
  writeFileSync(path, change(original));
  try {
    return await work();
  } finally {
    writeFileSync(path, original);
  }
}
