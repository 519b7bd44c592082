// SPDX-License-Identifier: MIT
// The cache folder, which any number of runs share. Each file is named by what it was made from and appears whole, by
// rename.
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

/** A directory in the cache folder that exists while `use` runs. */
export async function withScratch<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const parent = join(cacheDirectory(), 'tmp');
  mkdirSync(parent, { recursive: true });
  removeOlder(parent, DAY_MS);
  const directory = mkdtempSync(join(parent, 'scratch-'));
  // What is still being written to may need a second try.
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
 * The file or directory `name` of the cache folder. Where it is missing, `make` is given a path to
 * create it at, unless another run makes it just now: then that is waited for.
 */
export async function cached(name: string, make: (path: string) => Promise<void>): Promise<string> {
  const path = join(cacheDirectory(), name);
  if (existsSync(path)) return path;
  const lock = `${path}.lock`;
  await withLock(
    lock,
    () => say(`waiting for another run, which makes ${name}`),
    async () => {
      if (existsSync(path)) return;
      await withScratch(async (scratch) => {
        const made = join(scratch, 'made');
        await make(made);
        publish(made, path);
      });
      // Whoever waited for it finds what was made.
      rmSync(lock, { force: true });
    },
  );
  return path;
}

/** Where there is no flock, another run may have made the same meanwhile: as good as ours. */
function publish(made: string, path: string): void {
  try {
    renameSync(made, path);
  } catch (error) {
    if (!existsSync(path)) throw error;
  }
}

/** Marks a file as used now, and removes those beside it that nobody used for a week. */
export function keepFresh(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
    removeOlder(dirname(path), 7 * DAY_MS);
  } catch {
    // A cache that another user filled is still good to read.
  }
}

/** Also what a killed run left: nobody cleans up after SIGKILL. */
function removeOlder(directory: string, age: number): void {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    const status = statSync(path, { throwIfNoEntry: false });
    if (status !== undefined && Date.now() - status.mtimeMs > age) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}
