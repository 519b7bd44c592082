// SPDX-License-Identifier: MIT
// Waits for a register to change: short spins in native code, with a turn of the event loop after each.
import { setImmediate } from 'node:timers/promises';
import { AccessFailure } from '../native.js';
import { abortionOf, checkSignal } from './abort.js';
import { integer, maxMilliseconds, options } from './validate.js';

/** How long to wait for a register. */
export interface PollOptions {
  /** In milliseconds (default 1000). */
  timeout?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** A longer spin would delay the event loop. With a shorter one, the turns of the loop would take most of the time. */
const spinMicroseconds = 30;
const defaultTimeout = 1000;

/** Checks the options of `call`. Throws the reason of the signal if it has aborted. */
export function checkPoll(given: PollOptions, call = 'poll32'): PollOptions {
  const checked = options(call, given, ['timeout', 'signal']);
  throwIfAborted(checkSignal(checked.signal));
  if (checked.timeout !== undefined) integer('timeout', checked.timeout, 0, maxMilliseconds);
  return checked;
}

/**
 * Calls `spin`, and then yields to the event loop, until `spin` returns a value. `spin` returns the value or an
 * AccessFailure. `fail` turns an AccessFailure into an error. When the time is up, `atTimeout` throws the time-out, or
 * returns the value of a last read.
 */
export async function poll(
  { timeout = defaultTimeout, signal }: PollOptions,
  spin: (microseconds: number) => number,
  fail: (failure: number) => unknown,
  atTimeout: (timeout: number) => number,
): Promise<number> {
  const deadline = performance.now() + timeout;
  for (;;) {
    throwIfAborted(signal);
    const value = spin(spinMicroseconds);
    if (value >= 0) return value;
    if (value !== AccessFailure.NOT_YET) throw fail(value);
    if (performance.now() >= deadline) return atTimeout(timeout);
    await setImmediate();
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  const abortion = signal && abortionOf(signal);
  if (abortion !== undefined) throw abortion.reason;
}
