// SPDX-License-Identifier: MIT
// Makes a checkout ready to run: packages of the distribution, node_modules, the addon, dist/. Each npm script starts
// with it, so it must take almost no time if there is nothing to do.
//   node scripts/setup.mjs build     everything that the host needs
//   node scripts/setup.mjs [vm]      the same, and everything that the test machine needs
//   node scripts/setup.mjs kernel    the same as build, and everything that building the lab kernel needs
// setup/packages.mjs has the other names.
import { buildAddon } from './setup/addon.mjs';
import { root } from './setup/files.mjs';
import { installModules } from './setup/modules.mjs';
import { installPackages, targets } from './setup/packages.mjs';
import { clearStatus, runUnderLock, SetupError } from './setup/run.mjs';
import { compileTypeScript } from './setup/typescript.mjs';

/** @typedef {{ name: string, pending: () => boolean, run: () => void }} Step */

function main() {
  const name = process.argv[2] ?? 'vm';
  const locked = process.argv[3] === '--locked';
  const target = targets.find((each) => each === name);
  if (target === undefined) {
    throw new SetupError(`there is no set-up "${name}". Choose one of ${targets.join(', ')}`);
  }
  /** @type {readonly Step[]} */
  const steps = [installPackages(target), installModules, buildAddon, compileTypeScript];
  if (!steps.some((step) => step.pending())) return;
  // Two set-ups at once would write the same files, so the second one waits. It then finds the work done.
  if (!locked) return runUnderLock(root, [import.meta.filename, target, '--locked']);
  for (const step of steps) if (step.pending()) step.run();
}

try {
  main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  clearStatus();
  process.stderr.write(`setup: ${error.message}\n`);
  process.exitCode = 1;
}
