// SPDX-License-Identifier: MIT
// jest's settings inside the test machine, for build/guest/. Files are compiled, so there is no transform; one
// process, since all tests share one kernel and its devices; one test file a machine (guest-suite.ts).

import { type GuestMachine, SUITE_FILE } from './guest-suite.js';

/** Only for what hangs: software emulation on a machine that others use too is slow at times. */
const TEST_TIMEOUT_MS = 120_000;

/** The arguments that run the tests of a machine, from the compiled copy in `root`. */
export function guestJestArguments(
  root: string,
  machine: GuestMachine,
  reporter: string,
  pattern?: string,
): string[] {
  const config = {
    rootDir: root,
    roots: [`<rootDir>/test/${machine}`],
    testMatch: [`**/${SUITE_FILE}`],
    testEnvironment: 'node',
    testTimeout: TEST_TIMEOUT_MS,
    transform: {},
    setupFilesAfterEnv: ['<rootDir>/test/support/kernel-log.js'],
    reporters: [`<rootDir>/test/harness/${reporter}.js`],
    watchman: false,
  };
  const select = pattern === undefined ? [] : ['--testNamePattern', pattern];
  return ['--config', JSON.stringify(config), '--runInBand', ...select];
}
