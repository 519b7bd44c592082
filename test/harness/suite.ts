// SPDX-License-Identifier: MIT
// The type of a suite: a set of tests that run in one process on one kernel.
import { join } from 'node:path';
import { projectRoot } from '../../tools/paths.js';
import type { Send } from './events.js';
import type { Ending } from './recorder.js';

export interface Listener {
  /** Receives the events. */
  readonly event: Send;
  /** Receives all other output. */
  readonly output: (text: string) => void;
}

export interface Suite {
  /** The name, which is also the name of its results file, and its name in test/expected-skips.txt. */
  readonly name: string;
  /** About how long it takes. This only decides on the order in which suites start. */
  readonly seconds: number;
  /** Whether it starts after all others. */
  readonly last?: boolean;
  /** Sends a `listed` event for each test, without running any. */
  list(listener: Listener): Promise<Ending>;
  /** Runs the tests whose full name matches `pattern`. Without a pattern, it runs all tests. */
  run(pattern: string | undefined, listener: Listener): Promise<Ending>;
}

/** The path of a suite's results file, which has one line for each case. */
export function resultsOf(suite: string): string {
  return join(projectRoot, 'build/results', `${suite}.jsonl`);
}
