// SPDX-License-Identifier: MIT
// The one test file that jest runs in a machine. It loads the test files of its folders. For each file that jest runs,
// it loads itself and the library again, which takes the emulated processor two seconds.
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';

/** The machines, each with the folders below `test/` whose files it runs. */
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

/** The file of each machine, for the compiled copy `output` of the project in `root`: its path and its text. */
export function suiteFiles(root: string, output: string): Map<string, string> {
  return new Map(
    guestMachines.map((machine) => {
      const files = machines[machine].flatMap((folder) => testFiles(root, folder));
      const lines = inOrder(files).map((file) => `require('../${file.replace(/ts$/, 'js')}');\n`);
      return [join(output, 'test', machine, SUITE_FILE), lines.join('')];
    }),
  );
}

/** As paths below `test/`. */
function testFiles(root: string, folder: string): string[] {
  return readdirSync(join(root, 'test', folder))
    .filter((name) => name.endsWith(TEST))
    .map((name) => `${folder}/${name}`);
}

/**
 * The machine itself first, since a fault there explains all others; then by folder and name, so that what one file
 * leaves behind meets the same next file in every run.
 */
export function inOrder(files: readonly string[]): string[] {
  const rank = (file: string) => (basename(file) === `machine${TEST}` ? '' : file);
  return files.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1));
}
