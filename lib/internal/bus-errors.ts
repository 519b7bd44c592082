// SPDX-License-Identifier: MIT
// Keeps the library's SIGBUS handler in place: with it, a bus error becomes an exception.

/**
 * Node replaces the library's handler when a program adds a listener for SIGBUS, and restores the default action when
 * the last listener is removed. Without the library's handler, a failed access would then be retried endlessly, or
 * would end the process. So this function installs the handler again after each of these changes. The program's
 * listeners are still called. Node's own listeners of `newListener` and `removeListener` run before these.
 */
export function keepBusErrors({ takeBusErrors }: { takeBusErrors: () => void }): void {
  const take = (event: unknown) => {
    if (event === 'SIGBUS') takeBusErrors();
  };
  process.on('newListener', take);
  process.on('removeListener', take);
}
