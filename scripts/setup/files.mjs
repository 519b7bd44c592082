// SPDX-License-Identifier: MIT
// Lists the input files of a set-up step, and stores a hash of them as the stamp of its output.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/**
 * The files below these paths of the checkout, sorted. A missing path has none.
 * @param {readonly string[]} paths
 * @returns {string[]}
 */
export function filesBelow(paths) {
  return paths.flatMap((path) => {
    const status = statSync(join(root, path), { throwIfNoEntry: false });
    if (status === undefined) return [];
    if (!status.isDirectory()) return [path];
    return filesBelow(
      readdirSync(join(root, path))
        .sort()
        .map((name) => join(path, name)),
    );
  });
}

/**
 * A hash of names and contents. It ignores modification times, because git does not keep them.
 * @param {readonly string[]} files
 * @param {string} [also]
 */
export function hashFiles(files, also = '') {
  const hash = createHash('sha256').update(also);
  for (const file of files) hash.update(`\0${file}\0`).update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

/**
 * @param {string} path
 * @returns {string | undefined}
 */
export function readStamp(path) {
  const exists = statSync(join(root, path), { throwIfNoEntry: false }) !== undefined;
  return exists ? readFileSync(join(root, path), 'utf8') : undefined;
}

/**
 * @param {string} path
 * @param {string} stamp
 */
export function writeStamp(path, stamp) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), stamp);
}
