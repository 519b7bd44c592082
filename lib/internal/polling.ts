// SPDX-License-Identifier: MIT
// Waiting for a register: short spins in native code, and the event loop's turn between them.
import { setImmediate } from 'node:timers/promises';
import { VfioError } from '../errors.js';
import { AccessFailure } from '../native.js';
import { abortionOf, checkSignal } from './abort.js';
import { integer, maxMilliseconds, options } from './validate.js';

/** How long to wait for a register. */
export interface PollOptions {
  /** In milliseconds; 1000 unless said. */
  timeout?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Longer would hold up the event loop; shorter, and its turns would be most of the time. */
const spinMicroseconds = 30;
const defaultTimeout = 1000;

/** How long to wait, checked; throws the reason of a signal that has aborted. */
export function checkPoll(given: PollOptions): PollOptions {
  const checked = options('poll32', given, ['timeout', 'signal']);
  throwIfAborted(checkSignal(checked.signal));
  if (checked.timeout !== undefined) integer('timeout', checked.timeout, 0, maxMilliseconds);
  return checked;
}

/**
 * Spins and yields until `spin` gives a value. `spin` gives that, or an AccessFailure; `fail` makes the
 * error of one, `describe` says what was waited for.
 */
export async function poll(
  { timeout = defaultTimeout, signal }: PollOptions,
  spin: (microseconds: number) => number,
  fail: (failure: number) => unknown,
  describe: () => string,
): Promise<number> {
  const deadline = performance.now() + timeout;
  for (;;) {
    throwIfAborted(signal);
    const value = spin(spinMicroseconds);
    if (value >= 0) return value;
    if (value !== AccessFailure.NOT_YET) throw fail(value);
    if (performance.now() >= deadline) {
      throw new VfioError('ERR_VFIO_TIMEOUT', `${describe()} within ${timeout} ms`);
    }
    await setImmediate();
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  const abortion = signal && abortionOf(signal);
  if (abortion !== undefined) throw abortion.reason;
}
