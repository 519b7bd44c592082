// SPDX-License-Identifier: MIT
// A suite: a set of tests that run in one process on one kernel.
import { join } from 'node:path';
import { projectRoot } from '../../tools/paths.js';
import type { Send } from './events.js';
import type { Ending } from './recorder.js';

export interface Listener {
  /** What happened. */
  readonly event: Send;
  /** Text that something wrote past the events. */
  readonly output: (text: string) => void;
}

export interface Suite {
  /** Names its results file, and it in test/expected-skips.txt. */
  readonly name: string;
  /** About how long all of it takes; only the order in which suites begin hangs on it. */
  readonly seconds: number;
  /** It begins when no other is left to begin. */
  readonly last?: boolean;
  /** Sends a `listed` event for each test, without running any. */
  list(listener: Listener): Promise<Ending>;
  /** Runs the tests whose full name matches `pattern`, all by default. */
  run(pattern: string | undefined, listener: Listener): Promise<Ending>;
}

/** The file that a suite's results are written to, a line each. */
export function resultsOf(suite: string): string {
  return join(projectRoot, 'build/results', `${suite}.jsonl`);
}
