// SPDX-License-Identifier: MIT
// Subscribers: everything that waits for an interrupt vector, and how the library calls it.
import { throwUncaught } from '../internal/report.js';

/** A listener, a once() or an iteration. */
export interface Subscriber {
  deliver(count: number): unknown;
  /** Called when the set was closed. */
  end(): void;
  /** Whether the device is served once the result of deliver() has settled. */
  readonly serves: boolean;
}

/**
 * Calls a subscriber. If its work does not end at once, returns a promise that resolves when it ends. That
 * promise never rejects: if the subscriber throws or rejects, that is an uncaught exception.
 */
export function callSubscriber(subscriber: Subscriber, count: number): Promise<void> | undefined {
  try {
    const work = subscriber.deliver(count);
    if (!isThenable(work)) return undefined;
    return Promise.resolve(work).then(() => {}, throwUncaught);
  } catch (failure) {
    throwUncaught(failure);
    return undefined;
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value;
}
