// SPDX-License-Identifier: MIT
// jest's settings inside the test machine, for build/guest/. The files are compiled already, so there is no transform.
// All tests run in one process, because they share the kernel and its devices. A machine has one test file
// (guest-suite.ts).

import { type GuestMachine, SUITE_FILE } from './guest-suite.js';

/** Only ends tests that hang. It is long, because software emulation is slow at times on a busy machine. */
const TEST_TIMEOUT_MS = 120_000;

/** The arguments with which jest runs the tests of a machine, from the compiled copy in `root`. */
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
