// SPDX-License-Identifier: MIT
// Calls the addon where no diagnosis is needed, and turns its failures into errors. The calls whose failures need one
// are in lib/diagnose. The addon's register accessors return their failures (access.ts).
import { explainCall } from '../diagnose/call-hints.js';
import { errorFromNative, isNativeFailure } from '../errors.js';

/** Calls native code. What it throws becomes an error. */
export function callNative<T>(work: () => T, address?: string): T {
  try {
    return work();
  } catch (failure) {
    throw translate(failure, address);
  }
}

/** Awaits native code. What its promise rejects with becomes an error. */
export async function awaitNative<T>(work: () => Promise<T>, address?: string): Promise<T> {
  try {
    return await work();
  } catch (failure) {
    throw translate(failure, address);
  }
}

function translate(failure: unknown, address: string | undefined): unknown {
  if (!isNativeFailure(failure)) return failure;
  return errorFromNative(failure, { address, ...explainCall(failure) });
}
