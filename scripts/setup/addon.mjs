// SPDX-License-Identifier: MIT
// Builds the native addon with node-gyp, which lets make decide which files to compile again.
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { filesBelow, hashFiles, readStamp, root, writeStamp } from './files.mjs';
import { runNpm } from './run.mjs';

// It lies next to the binaries, so that removing them removes it too.
const STAMP = 'build/Release/.setup-stamp';

function current() {
  const files = filesBelow(['binding.gyp', 'src-native', 'test/native', 'bench/twins']);
  return hashFiles(files, `${process.version} ${process.arch}`);
}

/** @type {import('../setup.mjs').Step} */
export const buildAddon = {
  name: 'addon',
  pending: () => existsSync(join(root, 'binding.gyp')) && readStamp(STAMP) !== current(),
  run() {
    const jobs = String(availableParallelism());
    const args = ['node-gyp', 'configure', 'build', '-j', jobs, ...ownHeaders()];
    runNpm('building the addon', ['exec', '--no', '--', ...args]);
    writeStamp(STAMP, current());
  },
};

/** If the headers are installed with Node, node-gyp need not download them. */
function ownHeaders() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : [];
}
