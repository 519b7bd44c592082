// SPDX-License-Identifier: MIT
// The cache folder, which several runs can share. The name of a file says what the file was made from. A new file
// appears complete, by a rename.
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { undoOnExit } from './cleanup.js';
import { withLock } from './lock.js';
import { cacheDirectory } from './paths.js';
import { say } from './progress.js';

const DAY_MS = 86_400_000;

export function hash(...parts: (string | Buffer)[]): string {
  const digest = createHash('sha256');
  for (const part of parts) digest.update(part).update('\0');
  return digest.digest('hex').slice(0, 16);
}

/** Creates a directory in the cache folder for `use`, and removes it when `use` has finished. */
export async function withScratch<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const parent = join(cacheDirectory(), 'tmp');
  mkdirSync(parent, { recursive: true });
  removeOlder(parent, DAY_MS);
  const directory = mkdtempSync(join(parent, 'scratch-'));
  // Another process may still write into the directory, so the removal may need a second attempt.
  const remove = () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  const done = undoOnExit(remove);
  try {
    return await use(directory);
  } finally {
    remove();
    done();
  }
}

/**
 * Returns the path of the file or directory `name` in the cache folder. If it does not exist, `make` creates it at the
 * path that it receives. If another run is creating it, this run waits for that one.
 */
export async function cached(name: string, make: (path: string) => Promise<void>): Promise<string> {
  const path = join(cacheDirectory(), name);
  if (existsSync(path)) return path;
  const lock = `${path}.lock`;
  await withLock(
    lock,
    () => say(`waiting for another run that is creating ${name}`),
    async () => {
      if (existsSync(path)) return;
      await withScratch(async (scratch) => {
        const made = join(scratch, 'made');
        await make(made);
        publish(made, path);
      });
      // A run that waited for this lock finds the file.
      rmSync(lock, { force: true });
    },
  );
  return path;
}

/** Without flock, another run may have published the same file first. That file is as good as this one. */
function publish(made: string, path: string): void {
  try {
    renameSync(made, path);
  } catch (error) {
    if (!existsSync(path)) throw error;
  }
}

/** Marks a file as used now, and removes the files next to it that no run has used for a week. */
export function keepFresh(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
    removeOlder(dirname(path), 7 * DAY_MS);
  } catch {
    // The cache may belong to another user. It is still good to read.
  }
}

/** Also removes what a killed run left behind: a process cannot clean up after SIGKILL. */
function removeOlder(directory: string, age: number): void {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    const status = statSync(path, { throwIfNoEntry: false });
    if (status !== undefined && Date.now() - status.mtimeMs > age) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}
