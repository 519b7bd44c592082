// SPDX-License-Identifier: MIT
// The folder in which the user called `npm run vm`. npm itself changes to the checkout before it runs anything.
import { accessSync, constants } from 'node:fs';
import { VmError } from './errors.js';

/** That folder, by npm's `INIT_CWD`; without npm it is this process's own. */
export function callersFolder(env: NodeJS.ProcessEnv = process.env): string {
  const folder = env.INIT_CWD || process.cwd();
  try {
    accessSync(folder, constants.X_OK);
  } catch (error) {
    throw new VmError(
      'ERR_VM_MISSING',
      `the command cannot start in the folder you are in: ${(error as Error).message}`,
    );
  }
  return folder;
}

/** Each folder once, and those above before those below: a tree that is shown later would hide the ones in it. */
export function treesToShow(folders: readonly string[]): string[] {
  return [...new Set(folders)].sort((one, other) => one.length - other.length);
}
