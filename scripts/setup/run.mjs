// SPDX-License-Identifier: MIT
// Runs other programs quietly. On a terminal, one line says what the set-up is doing. The output of a program is shown
// only if the program fails.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './files.mjs';

export class SetupError extends Error {}

/** @param {string} text */
export function status(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[Ksetup: ${text} …`);
}

export function clearStatus() {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
}

/**
 * @param {string} name
 * @returns {string | undefined}
 */
export function findProgram(name) {
  // An ordinary user's PATH leaves out the directories of system programs.
  return [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin']
    .filter((directory) => directory !== '')
    .map((directory) => join(directory, name))
    .find(isProgram);
}

/** @param {string} path */
function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * @param {string} what describes the step for people: "building the addon"
 * @param {readonly [program: string, ...args: string[]]} command
 * @param {NodeJS.ProcessEnv} [env]
 */
export function run(what, command, env = {}) {
  status(what);
  const [program, ...args] = command;
  const result = spawnSync(program, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 2 ** 28,
    encoding: 'utf8',
  });
  clearStatus();
  if (result.status === 0) return;
  const failure = `${what} failed: "${command.join(' ')}"`;
  if (result.signal !== null) throw new SetupError(`${failure} was ended by ${result.signal}`);
  if (result.error) throw new SetupError(`${failure} cannot run: ${result.error.message}`);
  const output = `${result.stdout}${result.stderr}`.trimEnd();
  throw new SetupError(`${failure} ended with status ${result.status}:\n${output}`);
}

/**
 * Runs an npm command. node-gyp needs npm's configuration to find Node's headers, so it is run through npm.
 * @param {string} what
 * @param {readonly string[]} args
 */
export function runNpm(what, args) {
  const script = process.env.npm_execpath;
  if (script?.endsWith('npm-cli.js')) run(what, [process.execPath, script, ...args]);
  else run(what, [findProgram('npm') ?? 'npm', ...args]);
}

/**
 * Runs this program again while holding a lock on a directory. The kernel releases the lock when the process ends, so
 * no stale lock remains.
 * @param {string} directory
 * @param {readonly string[]} args
 */
export function runUnderLock(directory, args) {
  const command = [process.execPath, ...args];
  const flock = findProgram('flock');
  const result =
    flock === undefined
      ? spawnSync(process.execPath, args, { stdio: 'inherit' })
      : spawnSync(flock, [directory, ...command], { stdio: 'inherit' });
  if (result.error) throw new SetupError(result.error.message);
  process.exitCode = result.status ?? 1;
}
