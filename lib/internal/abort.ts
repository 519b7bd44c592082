// SPDX-License-Identifier: MIT
// Reads the caller's AbortSignal and listens to it. It uses only the getters and methods of the class, as they were
// when this file was loaded, so nothing that a program defines on its signal changes the behaviour here.
import { types } from 'node:util';
import { expected } from './validate.js';

const { addEventListener, removeEventListener } = EventTarget.prototype;
const abortedOf = getterOf('aborted') as (this: AbortSignal) => boolean;
const reasonOf = getterOf('reason') as (this: AbortSignal) => unknown;

function getterOf(name: 'aborted' | 'reason'): unknown {
  return Object.getOwnPropertyDescriptor(AbortSignal.prototype, name)?.get;
}

/** The fact that a signal was aborted, with the reason. */
export interface Abortion {
  readonly reason: unknown;
}

/** Returns a genuine AbortSignal, or undefined for undefined. Throws a TypeError for anything else. */
export function checkSignal(value: unknown): AbortSignal | undefined {
  if (value === undefined) return undefined;
  if (!isSignal(value)) throw expected('an AbortSignal', 'signal', value);
  return value;
}

/** The getter throws for anything but a signal. It does not throw for a proxy of a signal, so that is checked too. */
function isSignal(value: unknown): value is AbortSignal {
  try {
    abortedOf.call(value as AbortSignal);
    return !types.isProxy(value);
  } catch {
    return false;
  }
}

/** The abortion of a signal that was aborted. A signal whose getters throw counts as aborted. */
export function abortionOf(signal: AbortSignal): Abortion | undefined {
  try {
    return abortedOf.call(signal) ? { reason: reasonOf.call(signal) } : undefined;
  } catch (reason) {
    return { reason };
  }
}

/** Calls back when the signal aborts. Returns a function that stops this. */
export function watchAbort(
  signal: AbortSignal | undefined,
  onAbort: (reason: unknown) => void,
): () => void {
  if (signal === undefined) return () => {};
  // A program can dispatch an event of this name itself, although the signal was not aborted.
  const listener = () => {
    const abortion = abortionOf(signal);
    if (abortion !== undefined) onAbort(abortion.reason);
  };
  addEventListener.call(signal, 'abort', listener);
  return () => {
    try {
      removeEventListener.call(signal, 'abort', listener);
    } catch {
      // A program has broken the internals of this signal, so the signal sends no event either.
    }
  };
}
