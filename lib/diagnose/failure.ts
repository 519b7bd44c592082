// SPDX-License-Identifier: MIT
// Turns a failed call, and what a diagnosis found out about it, into the error that says why and what to do.
import { errnoName, errorFromNative, isNativeFailure, VfioError } from '../errors.js';
import type { NativeFailure } from '../native.js';
import type { Finding, Refusal } from './finding.js';
import { explain, explainRefusal } from './words.js';

/** The name of the errno, or the library's own code. */
export function codeOf(failure: NativeFailure): string {
  return 'errno' in failure ? errnoName(failure.errno) : failure.code;
}

/** The finding of a diagnosis that found nothing beyond the failure itself. */
export function callFailed(failure: NativeFailure): Finding {
  return { finding: 'call-failed', failure };
}

/** Turns what native code threw into an error. A value that is an error already is returned unchanged. */
export function diagnosed(
  failure: unknown,
  diagnose: (failure: NativeFailure) => Finding,
  address?: string,
): unknown {
  if (!isNativeFailure(failure)) return failure;
  return errorOf(failure, tryTo(diagnose, failure), address);
}

/** A diagnosis can fail too, for example when no descriptor is left. That must not hide the original failure. */
function tryTo(diagnose: (failure: NativeFailure) => Finding, failure: NativeFailure): Finding {
  try {
    return diagnose(failure);
  } catch {
    return callFailed(failure);
  }
}

/** The error for a failure, with the words of the finding. */
export function errorOf(
  failure: NativeFailure,
  finding: Finding,
  address: string | undefined,
): unknown {
  return errorFromNative(failure, { address, ...explain(finding) });
}

/** The error for something that was found before anything was tried. */
export function refusalError(refusal: Refusal): VfioError {
  const { code, summary, hint } = explainRefusal(refusal);
  return new VfioError(code, summary, { address: refusal.address, hint });
}
