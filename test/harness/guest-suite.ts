// SPDX-License-Identifier: MIT
// Writes the only test file that jest runs in a machine, which loads all test files of its folders. For each file that
// jest runs, it loads itself and the library again, which takes the emulated processor two seconds.
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';

/** The machines, and the folders below `test/` whose files each of them runs. */
const machines = {
  vm: ['contract', 'vm'],
  hotplug: ['hotplug'],
  'no-iommu': ['no-iommu'],
} as const;
export type GuestMachine = keyof typeof machines;

export const guestMachines = Object.keys(machines) as GuestMachine[];
export const guestFolders = Object.values(machines).flat();

export const SUITE_FILE = 'suite.js';
const TEST = '.test.ts';

/** The path and text of each machine's test file, for the compiled copy `output` of the project in `root`. */
export function suiteFiles(root: string, output: string): Map<string, string> {
  return new Map(
    guestMachines.map((machine) => {
      const files = machines[machine].flatMap((folder) => testFiles(root, folder));
      const lines = inOrder(files).map((file) => `require('../${file.replace(/ts$/, 'js')}');\n`);
      return [join(output, 'test', machine, SUITE_FILE), lines.join('')];
    }),
  );
}

/** The test files of a folder, as paths below `test/`. */
function testFiles(root: string, folder: string): string[] {
  return readdirSync(join(root, 'test', folder))
    .filter((name) => name.endsWith(TEST))
    .map((name) => `${folder}/${name}`);
}

/**
 * Sorts test files. The tests of the machine itself are first, because a fault there explains all other failures. The
 * others are sorted by folder and name, so that each file always runs after the same other file.
 */
export function inOrder(files: readonly string[]): string[] {
  const rank = (file: string) => (basename(file) === `machine${TEST}` ? '' : file);
  return files.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1));
}
