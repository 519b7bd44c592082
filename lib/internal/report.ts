// SPDX-License-Identifier: MIT
// Failures that no caller waits for.

/** A failure of the library's own doing in the background: a process warning. */
export function warn(failure: unknown): void {
  process.emitWarning(failure instanceof Error ? failure : String(failure));
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
