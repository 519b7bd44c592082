// SPDX-License-Identifier: MIT
// The caller's AbortSignal. Only the class's own getters and methods are used, as they were when this was loaded:
// nothing that a program defines on its signal changes what happens here.
import { types } from 'node:util';
import { expected } from './validate.js';

const { addEventListener, removeEventListener } = EventTarget.prototype;
const abortedOf = getterOf('aborted') as (this: AbortSignal) => boolean;
const reasonOf = getterOf('reason') as (this: AbortSignal) => unknown;

function getterOf(name: 'aborted' | 'reason'): unknown {
  return Object.getOwnPropertyDescriptor(AbortSignal.prototype, name)?.get;
}

/** What a signal was aborted with. */
export interface Abortion {
  readonly reason: unknown;
}

/** A genuine AbortSignal, or nothing. */
export function checkSignal(value: unknown): AbortSignal | undefined {
  if (value === undefined) return undefined;
  if (!isSignal(value)) throw expected('an AbortSignal', 'signal', value);
  return value;
}

/** The getter throws for anything but a signal, except for a proxy of one. */
function isSignal(value: unknown): value is AbortSignal {
  try {
    abortedOf.call(value as AbortSignal);
    return !types.isProxy(value);
  } catch {
    return false;
  }
}

/** Its abortion, once it was aborted. A signal that cannot be asked any more counts as aborted. */
export function abortionOf(signal: AbortSignal): Abortion | undefined {
  try {
    return abortedOf.call(signal) ? { reason: reasonOf.call(signal) } : undefined;
  } catch (reason) {
    return { reason };
  }
}

/** Calls back when the signal aborts; gives what ends that. */
export function watchAbort(
  signal: AbortSignal | undefined,
  onAbort: (reason: unknown) => void,
): () => void {
  if (signal === undefined) return () => {};
  // A program can dispatch an event of this name, too.
  const listener = () => {
    const abortion = abortionOf(signal);
    if (abortion !== undefined) onAbort(abortion.reason);
  };
  addEventListener.call(signal, 'abort', listener);
  return () => {
    try {
      removeEventListener.call(signal, 'abort', listener);
    } catch {
      // Who broke the inside of a signal gets no event from it either.
    }
  };
}
