// SPDX-License-Identifier: MIT
// Runs clang-tidy over src-native/, with the checks of .clang-tidy. It checks a file again only if the file, a header
// that it includes, or the way it is checked has changed.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { filesBelow, hashFiles, root } from './setup/files.mjs';
import { findProgram } from './setup/run.mjs';

const SOURCES = 'src-native';
/** The developer build, in which cmake-js writes how each file is compiled. */
const BUILD = 'build/debug';
/** The folder with an empty file for each check that found nothing. */
const CACHE = 'build/lint';

/** @typedef {{ file: string, stamp: string }} Check */

function findClangTidy() {
  const program = findProgram('clang-tidy');
  if (program !== undefined) return program;
  throw new Error(
    'lint: clang-tidy is not installed. Install it (Debian: apt-get install clang-tidy)',
  );
}

/**
 * The compile command of each source, by the source's path in the checkout.
 * @returns {Map<string, string>}
 */
function compileCommands() {
  const database = join(root, BUILD, 'compile_commands.json');
  const lists = filesBelow([SOURCES, 'test/native']).filter((file) => !/\.(cc|h)$/.test(file));
  if (isOlder(database, ['CMakeLists.txt', ...lists])) configure();
  /** @type {{ file: string, command: string }[]} */
  const all = JSON.parse(readFileSync(database, 'utf8'));
  const commands = all.map(
    ({ file, command }) => /** @type {const} */ ([relative(root, file), command]),
  );
  return new Map(commands.filter(([file]) => file.startsWith(`${SOURCES}/`)));
}

/**
 * @param {string} output
 * @param {readonly string[]} inputs
 */
function isOlder(output, inputs) {
  const made = statSync(output, { throwIfNoEntry: false })?.mtimeMs;
  return made === undefined || inputs.some((input) => statSync(join(root, input)).mtimeMs > made);
}

function configure() {
  const args = ['node_modules/cmake-js/bin/cmake-js', 'configure', '--debug', '--out', BUILD];
  const result = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  if (result.status === 0) return;
  const output = `${result.stdout}${result.stderr}`;
  throw new Error(
    `lint: clang-tidy needs the compile commands, and cmake-js could not write them. Are cmake and a C++ compiler installed?\n${output}`,
  );
}

/**
 * A file, and the project's headers that it includes, directly or indirectly.
 * @param {string} file
 * @param {Set<string>} [seen]
 */
function withHeaders(file, seen = new Set()) {
  seen.add(file);
  const text = readFileSync(join(root, file), 'utf8');
  for (const [, name] of text.matchAll(/^#include "(.+)"/gm)) {
    const header = [dirname(file), SOURCES]
      .map((directory) => join(directory, /** @type {string} */ (name)))
      .find((path) => existsSync(join(root, path)));
    if (header !== undefined && !seen.has(header)) withHeaders(header, seen);
  }
  return seen;
}

/**
 * The files to check: those that have not passed in their present state.
 * @param {string} program
 * @returns {Check[]}
 */
function pending(program) {
  const version = spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout;
  return [...compileCommands()]
    .map(([file, command]) => {
      // The lock file stands for the headers of node-addon-api.
      const inputs = ['.clang-tidy', 'package-lock.json', ...withHeaders(file)];
      return { file, stamp: join(root, CACHE, hashFiles(inputs, version + command)) };
    })
    .filter(({ stamp }) => !existsSync(stamp));
}

/**
 * @param {string} program
 * @param {Check} check
 * @returns {Promise<boolean>} whether there was no finding
 */
async function passes(program, { file, stamp }) {
  const child = spawn(program, ['-p', BUILD, '--quiet', file], { cwd: root });
  let findings = '';
  // Standard error is left out: it counts the suppressed warnings, and looks like a finding.
  child.stdout.on('data', (chunk) => {
    findings += chunk;
  });
  /** @type {number | null} */
  const status = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (status === 0) writeFileSync(stamp, '');
  else process.stdout.write(findings || `${file}: clang-tidy ended with status ${status}\n`);
  return status === 0;
}

const program = findClangTidy();
const checks = pending(program);
const count = checks.length;
let failed = 0;

async function work() {
  for (let check = checks.pop(); check !== undefined; check = checks.pop()) {
    if (!(await passes(program, check))) failed++;
  }
}

mkdirSync(join(root, CACHE), { recursive: true });
await Promise.all(Array.from({ length: availableParallelism() }, work));
console.log(
  `clang-tidy: checked ${count} files that are new or changed, ${failed} of them with findings`,
);
process.exitCode = failed === 0 ? 0 : 1;
