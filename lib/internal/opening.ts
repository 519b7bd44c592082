// SPDX-License-Identifier: MIT
// Opens that the caller can abort. An open in the kernel cannot be cancelled, so the caller's promise rejects at once,
// and a device or group that opens after that is closed again.
import { abortionOf, watchAbort } from './abort.js';
import type { Closable } from './closing.js';
import { warn } from './report.js';

/** Decides whether an opened object is still wanted, and takes it if it is. */
export interface Arrival<T> {
  signal?: AbortSignal | undefined;
  /** Returns the error if the object comes too late. */
  refusal?: () => Error | undefined;
  /** Takes the object, in the same turn of the event loop as the check that it is still wanted. */
  admit?: (opened: T) => void;
}

/** The caller's promise (`result`), and one that resolves when nothing is left to open or to close (`settled`). */
export interface Opening<T> {
  result: Promise<T>;
  settled: Promise<void>;
}

/** Starts an open. The promise rejects as soon as the signal aborts. */
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
    warn('An open was aborted, and closing its result failed', failure);
  }
}
