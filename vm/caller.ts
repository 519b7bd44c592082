// SPDX-License-Identifier: MIT
// The folder in which the user called `npm run vm`. npm itself changes to the checkout before it runs anything.
import { accessSync, constants } from 'node:fs';
import { VmError } from './errors.js';

/** That folder, from npm's variable `INIT_CWD`. Without npm, it is the current folder of this process. */
export function callersFolder(env: NodeJS.ProcessEnv = process.env): string {
  const folder = env.INIT_CWD || process.cwd();
  try {
    accessSync(folder, constants.X_OK);
  } catch (error) {
    throw new VmError(
      'ERR_VM_MISSING',
      `the command cannot start in your current folder: ${(error as Error).message}`,
    );
  }
  return folder;
}

/** Each folder once, parents before children: mounting a parent later would hide its children. */
export function treesToShow(folders: readonly string[]): string[] {
  return [...new Set(folders)].sort((one, other) => one.length - other.length);
}
