// SPDX-License-Identifier: MIT
// Compiles dist/ with tsc, and bundles what `import 'vfio'` and its subpaths load. Each is one file, because Node takes
// about a millisecond to load a file.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { filesBelow, hashFiles, readStamp, root, writeStamp } from './files.mjs';
import { run } from './run.mjs';

const STAMP = 'dist/.setup-stamp';
/** Each bundle with its entry point. */
const BUNDLES = {
  'dist/vfio.js': 'dist/lib/index.js',
  'dist/nvme.js': 'dist/lib/nvme/index.js',
  'dist/models-nvme.js': 'dist/lib/models/nvme/index.js',
};
const SOURCE = /(?<!\.d)\.ts$/;

function sources() {
  /** @type {{ include: string[] }} */
  const { include } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8'));
  return filesBelow(include).filter((file) => SOURCE.test(file));
}

/** @param {readonly string[]} files */
function current(files) {
  return hashFiles(['tsconfig.json', 'package.json', 'package-lock.json', ...files]);
}

/** @param {string} source */
function output(source) {
  return join('dist', source.replace(SOURCE, '.js'));
}

/** @type {import('../setup.mjs').Step} */
export const compileTypeScript = {
  name: 'dist',
  pending() {
    const files = sources();
    const outputs = [...Object.keys(BUNDLES), ...files.map(output)];
    const complete = outputs.every((file) => existsSync(join(root, file)));
    return !complete || readStamp(STAMP) !== current(files);
  },
  run() {
    const files = sources();
    const stamp = current(files);
    removeStale(files);
    run('compiling TypeScript', [process.execPath, 'node_modules/typescript/bin/tsc', '-p', '.']);
    for (const [bundle, entry] of Object.entries(BUNDLES)) makeBundle(bundle, entry);
    writeStamp(STAMP, stamp);
  },
};

// esbuild renames a class that refers to itself in its own body (`_Device`), and users would see that name. So no class
// does that: a function that needs private members of a class is assigned in the static block of the class. A bundle
// imports `vfio` and does not contain it: a process must have only one copy of the library.
/**
 * @param {string} outfile
 * @param {string} entryPoint
 */
function makeBundle(outfile, entryPoint) {
  // esbuild may not be installed yet when this file is loaded.
  const { buildSync } = /** @type {typeof import('esbuild')} */ (
    createRequire(import.meta.url)('esbuild')
  );
  buildSync({
    absWorkingDir: root,
    entryPoints: [entryPoint],
    outfile,
    external: ['vfio'],
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: true,
  });
}

/**
 * Removes the output of sources that no longer exist. Programs would still find it.
 * @param {readonly string[]} files
 */
function removeStale(files) {
  const outputs = [...Object.keys(BUNDLES), ...files.map(output)];
  const expected = new Set(outputs.map((file) => file.replace(/\.js$/, '')));
  for (const made of filesBelow(['dist']).filter((file) => /\.(js|js\.map|d\.ts)$/.test(file))) {
    if (!expected.has(made.replace(/\.(js|js\.map|d\.ts)$/, ''))) rmSync(join(root, made));
  }
}
