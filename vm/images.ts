// SPDX-License-Identifier: MIT
// Read-only ext4 images of the node binary and node_modules, which are large and rarely change. Read over 9p under
// software emulation, the first start of node takes seconds, and jest takes most of a minute.
import { cpSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { cached, hash, keepFresh, withScratch } from '../tools/cache.js';
import { projectRoot } from '../tools/paths.js';
import { progress } from '../tools/progress.js';
import { runProgram } from '../tools/run-program.js';

const MIB = 2 ** 20;

/** Packages for building and checking. They make up most of the size, and the guest does not run them. */
const LEFT_OUT =
  /^(@biomejs|@swc|@types|typescript|cmake-js|node-gyp|node-addon-api|@?esbuild|vega(-.+)?|d3-.+|\.cache)$/;

/** An image of one file, `node`: the Node binary that runs this process. */
export async function nodeImage(): Promise<string> {
  const { size, mtimeMs } = statSync(process.execPath);
  const key = hash(process.execPath, `${size}`, `${mtimeMs}`);
  return image('node', key, (directory) => {
    cpSync(process.execPath, join(directory, 'node'));
  });
}

/** An image of node_modules without {@link LEFT_OUT}, or undefined if node_modules does not exist. */
export async function modulesImage(): Promise<string | undefined> {
  const source = join(projectRoot, 'node_modules');
  const installed = readIfThere(join(source, '.package-lock.json'));
  if (installed === undefined) return undefined;
  const key = hash(installed, String(LEFT_OUT));
  return image('node_modules', key, (directory) => {
    for (const name of readdirSync(source)) {
      if (LEFT_OUT.test(name)) continue;
      cpSync(join(source, name), join(directory, name), {
        recursive: true,
        verbatimSymlinks: true,
      });
    }
  });
}

function readIfThere(path: string): Buffer | undefined {
  return statSync(path, { throwIfNoEntry: false }) && readFileSync(path);
}

async function image(
  what: string,
  key: string,
  fill: (directory: string) => void,
): Promise<string> {
  const path = await cached(`images/${what}-${key}.ext4`, (output) =>
    withScratch(async (directory) => {
      progress(`packing ${what} for the guest`);
      fill(directory);
      // Any user of the guest can read the files then, even after an install with a strict umask.
      await runProgram('chmod', ['-R', 'a+rX', directory]);
      await makeExt4(directory, output);
    }),
  );
  keepFresh(path);
  return path;
}

/** Makes an image that is as large as the files need. It has no journal, because the guest never writes to it. */
async function makeExt4(directory: string, output: string): Promise<void> {
  const { bytes, files } = measure(directory);
  const size = Math.ceil((bytes * 1.1 + files * 4096) / MIB) + 16;
  const features = ['-O', '^has_journal,^resize_inode', '-m', '0', '-N', `${files + 64}`];
  await runProgram('mkfs.ext4', [
    '-q',
    ...features,
    '-E',
    'root_owner=0:0',
    '-d',
    directory,
    output,
    `${size}M`,
  ]);
}

function measure(directory: string): { bytes: number; files: number } {
  let bytes = 0;
  let files = 0;
  for (const item of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    files++;
    if (item.isFile()) bytes += statSync(join(item.parentPath, item.name)).size;
  }
  return { bytes, files };
}
