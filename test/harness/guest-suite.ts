// SPDX-License-Identifier: MIT
// The one file that jest runs in a machine: it loads the test files of a folder. jest loads itself and the library
// anew for every file, which takes the emulated processor two seconds.
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';

/** The folders of tests for the machine, below `test/`: each has a machine of its own. */
export const guestFolders = ['vm', 'hotplug', 'no-iommu'] as const;
export type GuestFolder = (typeof guestFolders)[number];

export const SUITE_FILE = 'suite.js';
const TEST = '.test.ts';

/** The file of each folder, for the compiled copy `output` of the project in `root`: its path and its text. */
export function suiteFiles(root: string, output: string): Map<string, string> {
  return new Map(
    guestFolders.map((folder) => {
      const files = readdirSync(join(root, 'test', folder)).filter((name) => name.endsWith(TEST));
      const lines = inOrder(files).map((name) => `require('./${basename(name, '.ts')}.js');\n`);
      return [join(output, 'test', folder, SUITE_FILE), lines.join('')];
    }),
  );
}

/**
 * The machine itself first, since a fault there explains all others; then by name, so that what one file leaves behind
 * meets the same next file in every run.
 */
export function inOrder(files: readonly string[]): string[] {
  const rank = (name: string) => (name === `machine${TEST}` ? '' : name);
  return files.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1));
}
