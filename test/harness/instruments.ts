// SPDX-License-Identifier: MIT
// The instruments that check native code during tests: AddressSanitizer, ThreadSanitizer, valgrind, coverage.
// AddressSanitizer includes UndefinedBehaviorSanitizer and LeakSanitizer. When a program or one of its children ends,
// the instrument writes its reports into a directory. Each report about the project's code fails the run.
import { execFileSync } from 'node:child_process';
import { mkdirSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../tools/paths.js';
import type { Send } from './events.js';
import { tellReports } from './reports.js';

/** Turns off the sanitizer's handler of SIGBUS: as in Node, the library's handler is the only one. */
const OWN_SIGBUS = 'handle_sigbus=0';

/** Leaves out the trap test: it records the executed instructions, and a sanitizer adds instructions. */
const NOT_EXACTNESS = ['--testPathIgnorePatterns', 'test/process/exact'];

export interface Instrument {
  readonly name: string;
  /** The folder of its developer build. */
  readonly build: string;
  /** The factor by which time limits are longer than without the instrument. */
  readonly patience: number;
  /** The environment variables that programs of that build need. */
  environment(reports: string): Record<string, string>;
  /** The command to put before the command of a program. Empty if the instrument is part of the build. */
  wrapper(reports: string): string[];
  /** More arguments for jest. */
  readonly jest: readonly string[];
}

/** The exit status of a program that has a report. No program of the tests ends with it otherwise. */
const STATUS = 99;

/** An error ends a program with a signal. Leaks do not, because most are in Node (see reports.ts). */
const AT_ONCE = ['exitcode=0', 'abort_on_error=1', 'symbolize=0'];

const asan: Instrument = {
  name: 'asan',
  build: join(projectRoot, 'build/asan'),
  patience: 10,
  environment: (reports) => ({
    LD_PRELOAD: library('libasan.so'),
    ASAN_OPTIONS: [...AT_ONCE, 'detect_leaks=1', OWN_SIGBUS, `log_path=${reports}/asan`].join(':'),
    UBSAN_OPTIONS: [...AT_ONCE, 'print_stacktrace=1', `log_path=${reports}/ubsan`].join(':'),
  }),
  wrapper: () => [],
  jest: NOT_EXACTNESS,
};

const tsan: Instrument = {
  name: 'tsan',
  build: join(projectRoot, 'build/tsan'),
  patience: 20,
  environment: (reports) => ({
    LD_PRELOAD: library('libtsan.so'),
    TSAN_OPTIONS: [
      `exitcode=${STATUS}`,
      // ThreadSanitizer does not see Node's own locks, so it must not report Node's own accesses either.
      'ignore_noninstrumented_modules=1',
      OWN_SIGBUS,
      `log_path=${reports}/tsan`,
    ].join(':'),
  }),
  wrapper: () => [],
  jest: NOT_EXACTNESS,
};

const valgrind: Instrument = {
  name: 'valgrind',
  build: join(projectRoot, 'build/debug'),
  patience: 20,
  environment: () => ({}),
  wrapper: (reports) => [
    'valgrind',
    '--quiet',
    '--leak-check=full',
    '--show-leak-kinds=definite',
    '--errors-for-leak-kinds=definite',
    `--suppressions=${join(projectRoot, 'test/valgrind.supp')}`,
    `--error-exitcode=${STATUS}`,
    `--log-file=${reports}/valgrind.%p`,
  ],
  // valgrind is too slow for more tests.
  jest: ['--runTestsByPath', 'test/process/everything.test.ts'],
};

const coverage: Instrument = {
  name: 'coverage',
  build: join(projectRoot, 'build/coverage'),
  patience: 3,
  environment: () => ({}),
  wrapper: () => [],
  jest: [
    // gcc's counters are written when a process exits normally, but jest may kill its workers.
    '--runInBand',
    '--coverage',
    '--collectCoverageFrom=lib/**/*.ts',
    '--coverageReporters=json-summary',
    '--coverageReporters=html',
    '--coverageDirectory=build/coverage/typescript',
  ],
};

export const instruments = { asan, tsan, valgrind, coverage };

/** The path of a run-time library of the compiler that built the addon. */
function library(name: string): string {
  return realpathSync(
    execFileSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim(),
  );
}

/** Runs `work` under an instrument, then sends the instrument's reports as failures. */
export async function withReports<T>(
  suite: string,
  event: Send,
  work: (reports: string) => Promise<T>,
): Promise<T> {
  const reports = join(projectRoot, 'build/results/reports', suite);
  rmSync(reports, { recursive: true, force: true });
  mkdirSync(reports, { recursive: true });
  const result = await work(reports);
  tellReports(suite, reports, event);
  return result;
}
