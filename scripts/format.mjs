// SPDX-License-Identifier: MIT
// Checks the format of the checkout with Biome and clang-format. With --write, it formats the files.
//   node scripts/format.mjs [--write]
import { spawnSync } from 'node:child_process';
import { root } from './setup/files.mjs';
import { findProgram } from './setup/run.mjs';

const write = process.argv.includes('--write');

/** The C and C++ files that git tracks, and new ones that it does not ignore. */
function nativeFiles() {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '*.cc', '*.h', '*.c'];
  const listed = spawnSync('git', args, { cwd: root, encoding: 'utf8' });
  if (listed.status !== 0) {
    throw new Error(`format: cannot list the files of the checkout: ${listed.stderr}`);
  }
  const deleted = spawnSync('git', ['ls-files', '--deleted'], { cwd: root, encoding: 'utf8' });
  const gone = new Set(deleted.stdout.split('\n'));
  return listed.stdout.split('\n').filter((file) => file !== '' && !gone.has(file));
}

/** @returns {readonly [program: string, ...args: string[]]} */
function biome() {
  return [
    process.execPath,
    'node_modules/@biomejs/biome/bin/biome',
    'format',
    ...(write ? ['--write'] : []),
    '.',
  ];
}

/** @returns {readonly [program: string, ...args: string[]]} */
function clangFormat() {
  const program = findProgram('clang-format');
  if (program === undefined) {
    throw new Error(
      'format: clang-format is not installed. Install it (Debian: apt-get install clang-format)',
    );
  }
  return [program, ...(write ? ['-i'] : ['--dry-run', '--Werror']), ...nativeFiles()];
}

/**
 * @param {readonly [program: string, ...args: string[]]} command
 * @returns {boolean}
 */
function succeeds([program, ...args]) {
  const { error, status } = spawnSync(program, args, { cwd: root, stdio: 'inherit' });
  if (error) throw error;
  return status === 0;
}

const done = [biome(), clangFormat()].map(succeeds);
if (done.includes(false)) {
  if (!write) console.error('Some files are not formatted: run "npm run format".');
  process.exitCode = 1;
}
