// SPDX-License-Identifier: MIT
// Compiles the project for the test machine, to CommonJS in build/guest/. Otherwise jest would compile the files in the
// guest, which is too slow for that. Only changed files are compiled again.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { transformFile } from '@swc/core';
import { build } from 'esbuild';
import { withLock } from '../../tools/lock.js';
import { suiteFiles } from './guest-suite.js';

const SOURCES = ['lib', 'examples', 'tools', 'vm', 'test'];
/** Programs that tests start often. Each becomes one file, because the guest needs a second to read 60 files. */
const PROGRAMS = ['test/support/peer-main'];

/** Updates `output`, the compiled copy of the project in `root`. A machine of another run may be reading it. */
export function compileForGuest(root: string, output: string): Promise<void> {
  return withLock(
    `${output}.lock`,
    () => {},
    () => compileChanged(root, output),
  );
}

async function compileChanged(root: string, output: string): Promise<void> {
  const settings = join(root, 'test/swc.json');
  const sources = SOURCES.flatMap((directory) => filesBelow(join(root, directory), '.ts'));
  const outputOf = (source: string) => join(output, relative(root, source)).replace(/\.ts$/, '.js');
  const suites = suiteFiles(root, output);
  const bundles = PROGRAMS.map((name) => join(output, `${name}.bundle.js`));
  removeOthers(output, new Set([...sources.map(outputOf), ...suites.keys(), ...bundles]));
  // The files are CommonJS, which esbuild must know. `vfio` is the compiled library in the same folder.
  const exports = {
    '.': './lib/index.js',
    './nvme': './lib/nvme/index.js',
    './models/nvme': './lib/models/nvme/index.js',
  };
  const manifest = { name: 'vfio', type: 'commonjs', exports };
  mkdirSync(output, { recursive: true });
  writeIfNew(join(output, 'package.json'), JSON.stringify(manifest));
  const stale = sources.filter((source) => isOlder(outputOf(source), [source, settings]));
  await Promise.all(stale.map((source) => compile(source, outputOf(source), settings)));
  for (const [path, text] of [...suites, ...(await bundlePrograms(output))]) {
    writeIfNew(path, text);
  }
}

/** Replaces a file by a rename, so that a reader sees either the complete old file or the complete new one. */
function writeIfNew(path: string, text: string): void {
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

async function compile(source: string, output: string, settings: string): Promise<void> {
  const { code } = await transformFile(source, {
    configFile: settings,
    swcrc: false,
    // With this, stack traces show the source file.
    sourceFileName: relative(dirname(output), source),
  });
  mkdirSync(dirname(output), { recursive: true });
  writeFileSync(output, code);
}

async function bundlePrograms(output: string): Promise<[path: string, text: string][]> {
  const { outputFiles } = await build({
    entryPoints: PROGRAMS.map((name) => join(output, `${name}.js`)),
    outdir: output,
    outbase: output,
    outExtension: { '.js': '.bundle.js' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    logLevel: 'warning',
    write: false,
  });
  return outputFiles.map(({ path, text }) => [path, text]);
}

/** Removes the output of sources that no longer exist. Otherwise jest would still run their tests. */
function removeOthers(directory: string, outputs: ReadonlySet<string>): void {
  for (const path of filesBelow(directory, '.js')) {
    if (!outputs.has(path)) rmSync(path);
  }
}

function filesBelow(directory: string, extension: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(extension))
    .map((entry) => join(entry.parentPath, entry.name));
}

function isOlder(output: string, inputs: readonly string[]): boolean {
  const made = statSync(output, { throwIfNoEntry: false })?.mtimeMs;
  return made === undefined || inputs.some((input) => statSync(input).mtimeMs > made);
}
