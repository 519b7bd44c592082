// SPDX-License-Identifier: MIT
// Failures that no caller waits for.

/** A failure in the background, of something the library did by itself: a process warning. */
export function warn(what: string, failure: unknown): void {
  const { code, message } = failure as { code?: string; message?: string };
  const options = code === undefined ? {} : { code };
  process.emitWarning(`${what}: ${message}`, { type: 'VfioWarning', ...options });
}

/** A failure of the user's callback: an uncaught exception, as from an EventEmitter's listener. */
export function throwUncaught(failure: unknown): void {
  queueMicrotask(() => {
    throw failure;
  });
}

/** Calls a user's callback; what it throws is uncaught and does not stop the library. */
export function callUser(callback: () => void): void {
  try {
    callback();
  } catch (failure) {
    throwUncaught(failure);
  }
}
