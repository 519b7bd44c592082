// SPDX-License-Identifier: MIT
// Installs node_modules with the versions of package-lock.json.
import { hashFiles, readStamp, writeStamp } from './files.mjs';
import { runNpm } from './run.mjs';

const STAMP = 'node_modules/.setup-stamp';
const current = () => hashFiles(['package-lock.json']);

/** @type {import('../setup.mjs').Step} */
export const installModules = {
  name: 'node_modules',
  pending: () => readStamp(STAMP) !== current(),
  run() {
    runNpm('installing node_modules', ['install', '--no-audit', '--no-fund']);
    writeStamp(STAMP, current());
  },
};
