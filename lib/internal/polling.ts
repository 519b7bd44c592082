// SPDX-License-Identifier: MIT
// Waiting for a register: short spins in native code, and the event loop's turn between them.
import { setImmediate } from 'node:timers/promises';
import { VfioError } from '../errors.js';
import { AccessFailure } from '../native.js';
import { integer, maxMilliseconds, options, signal } from './validate.js';

/** How long to wait for a register. */
export interface PollOptions {
  /** In milliseconds; 1000 unless said. */
  timeout?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Longer would hold up the event loop; shorter, and its turns would be most of the time. */
const spinMicroseconds = 30;
const defaultTimeout = 1000;

/**
 * Spins and yields until `spin` gives a value. `spin` gives that, or an AccessFailure; `fail` makes the
 * error of one, `describe` says what was waited for.
 */
export async function poll(
  given: PollOptions,
  spin: (microseconds: number) => number,
  fail: (failure: number) => unknown,
  describe: () => string,
): Promise<number> {
  const checked = options('poll32', given, ['timeout', 'signal']);
  const abort = signal(checked.signal);
  const { timeout = defaultTimeout } = checked;
  integer('timeout', timeout, 0, maxMilliseconds);
  const deadline = performance.now() + timeout;
  for (;;) {
    abort?.throwIfAborted();
    const value = spin(spinMicroseconds);
    if (value >= 0) return value;
    if (value !== AccessFailure.NOT_YET) throw fail(value);
    if (performance.now() >= deadline) {
      throw new VfioError('ERR_VFIO_TIMEOUT', `${describe()} within ${timeout} ms`);
    }
    await setImmediate();
  }
}
