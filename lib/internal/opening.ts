// SPDX-License-Identifier: MIT
// Opens that can be abandoned. An open in the kernel cannot be cancelled, so the caller is told at once and what
// arrives afterwards is closed.
import { abortionOf, watchAbort } from './abort.js';
import type { Closable } from './closing.js';
import { warn } from './report.js';

/** When what was opened is not wanted any more, and what to do with it when it is. */
export interface Arrival<T> {
  signal?: AbortSignal | undefined;
  /** The reason why it comes too late, if it does. */
  refusal?: () => Error | undefined;
  /** Takes it, in the same turn in which it is known to be wanted. */
  admit?: (opened: T) => void;
}

/** The caller's promise, and the one that ends when nothing is left to arrive or to close. */
export interface Opening<T> {
  result: Promise<T>;
  settled: Promise<void>;
}

/** Starts an open. */
export function startOpening<T extends Closable>(
  work: () => Promise<T>,
  arrival: Arrival<T>,
): Opening<T> {
  const { signal } = arrival;
  let settled = Promise.resolve();
  const result = new Promise<T>((resolve, reject) => {
    const abortion = signal && abortionOf(signal);
    if (abortion !== undefined) return reject(abortion.reason);
    const stop = watchAbort(signal, reject);
    settled = settle(work, arrival, resolve, reject).finally(stop);
  });
  return { result, settled };
}

async function settle<T extends Closable>(
  work: () => Promise<T>,
  { signal, refusal, admit }: Arrival<T>,
  resolve: (opened: T) => void,
  reject: (reason: unknown) => void,
): Promise<void> {
  try {
    const opened = await work();
    const abortion = signal && abortionOf(signal);
    const refused = refusal?.();
    if (abortion === undefined && refused === undefined) {
      admit?.(opened);
      resolve(opened);
    } else {
      reject(abortion === undefined ? refused : abortion.reason);
      await closeLate(opened);
    }
  } catch (failure) {
    reject(failure);
  }
}

async function closeLate(opened: Closable): Promise<void> {
  try {
    await opened.close();
  } catch (failure) {
    warn('Closing what an abandoned open gave failed', failure);
  }
}
