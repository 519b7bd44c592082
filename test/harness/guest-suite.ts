// SPDX-License-Identifier: MIT
// The one file that jest runs in a machine: it loads the test files of a folder. jest loads itself and the library
// anew for every file, which takes the emulated processor two seconds.
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The folders of tests for the machine, below `test/`: each has a machine of its own. */
export const guestFolders = ['vm', 'hotplug', 'no-iommu'] as const;
export type GuestFolder = (typeof guestFolders)[number];

export const SUITE_FILE = 'suite.js';

/** Writes the file of each folder of the compiled copy in `root`. */
export function writeSuiteFiles(root: string): void {
  for (const folder of guestFolders) {
    const directory = join(root, 'test', folder);
    const files = readdirSync(directory).filter((name) => name.endsWith('.test.js'));
    const lines = inOrder(files).map((name) => `require('./${name}');\n`);
    writeFileSync(join(directory, SUITE_FILE), lines.join(''));
  }
}

/**
 * The machine itself first, since a fault there explains all others; then by name, so that what one file leaves behind
 * meets the same next file in every run.
 */
export function inOrder(files: readonly string[]): string[] {
  const rank = (name: string) => (name === 'machine.test.js' ? '' : name);
  return files.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1));
}
