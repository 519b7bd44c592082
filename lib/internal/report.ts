// SPDX-License-Identifier: MIT
// Reports failures that no caller waits for.

/** Reports a failure of something that the library did in the background, as a process warning. */
export function warn(what: string, failure: unknown): void {
  const { code, message } = failure as { code?: string; message?: string };
  const options = code === undefined ? {} : { code };
  process.emitWarning(`${what}: ${message}`, { type: 'VfioWarning', ...options });
}

/** Reports a failure of a user's callback as an uncaught exception, like a failure in a listener of an EventEmitter. */
export function throwUncaught(failure: unknown): void {
  queueMicrotask(() => {
    throw failure;
  });
}

/** Calls a user's callback. An error that it throws becomes an uncaught exception and does not stop the library. */
export function callUser(callback: () => void): void {
  try {
    callback();
  } catch (failure) {
    throwUncaught(failure);
  }
}
