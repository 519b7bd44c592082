// SPDX-License-Identifier: MIT
// What watches native code during tests: AddressSanitizer, ThreadSanitizer, valgrind, coverage counters.
// AddressSanitizer comes with UndefinedBehaviorSanitizer and LeakSanitizer. A program that ends puts what was found
// into a directory, child processes too; the run fails when anything is in it.
import { execFileSync } from 'node:child_process';
import { mkdirSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../tools/paths.js';
import type { Send } from './events.js';
import { tellReports } from './reports.js';

/** The library has a handler for it, and hands on what is not its own: here to nobody, as in Node. */
const OWN_SIGBUS = 'handle_sigbus=0';

/** Looks at the very instructions that run, and a sanitizer adds some. */
const NOT_EXACTNESS = ['--testPathIgnorePatterns', 'test/process/exact'];

export interface Instrument {
  readonly name: string;
  /** Where the developer build for it is. */
  readonly build: string;
  /** How many times longer than without it a test may take. */
  readonly patience: number;
  /** What programs of that build need in their environment. */
  environment(reports: string): Record<string, string>;
  /** What stands before the command of a program; nothing where it is part of the build. */
  wrapper(reports: string): string[];
  /** More arguments for jest. */
  readonly jest: readonly string[];
}

/** The status of a program with something to report: none of ours ends with it. */
const STATUS = 99;

/** An error ends a program by a signal; leaks change nothing about its end, since most are none of ours. */
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
      // What Node does under locks of its own is not seen, and so neither is what it does without.
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
  // It has no time for more.
  jest: ['--runTestsByPath', 'test/process/everything.test.ts'],
};

const coverage: Instrument = {
  name: 'coverage',
  build: join(projectRoot, 'build/coverage'),
  patience: 3,
  environment: () => ({}),
  wrapper: () => [],
  jest: [
    // gcc's counters are written when a process ends by itself; jest may kill its workers.
    '--runInBand',
    '--coverage',
    '--collectCoverageFrom=lib/**/*.ts',
    '--coverageReporters=json-summary',
    '--coverageReporters=html',
    '--coverageDirectory=build/coverage/typescript',
  ],
};

export const instruments = { asan, tsan, valgrind, coverage };

/** Where the compiler that made the addon has this run-time library. */
function library(name: string): string {
  return realpathSync(
    execFileSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim(),
  );
}

/** Runs what is instrumented, and tells what it reported as failures. */
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
