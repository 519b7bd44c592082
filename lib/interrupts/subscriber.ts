// SPDX-License-Identifier: MIT
// What waits on an interrupt vector, and how it is called.
import { throwUncaught } from '../internal/report.js';

/** A listener, a once() or an iteration. */
export interface Subscriber {
  deliver(count: number): unknown;
  /** The set was closed. */
  end(): void;
  /** Whether the device has been served once what deliver() gave has settled. */
  readonly serves: boolean;
}

/**
 * Calls a subscriber and gives a promise of the end of its work, if it does not end at once. That
 * promise never rejects: what the subscriber throws or rejects with is an uncaught exception.
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
