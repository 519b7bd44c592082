// SPDX-License-Identifier: MIT
// SIGBUS stays the library's, which needs it to survive bus errors.

/**
 * Node takes the signal for itself when somebody listens to it, and when nobody does any more, gives it to the
 * default action. Without the library's handler an access that fails would then be tried for ever, or end the
 * process. Listeners hear of the signal all the same. Node's own listeners of these events come first.
 */
export function keepBusErrors({ takeBusErrors }: { takeBusErrors: () => void }): void {
  const take = (event: unknown) => {
    if (event === 'SIGBUS') takeBusErrors();
  };
  process.on('newListener', take);
  process.on('removeListener', take);
}
