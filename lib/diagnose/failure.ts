// SPDX-License-Identifier: MIT
// From a failed call, by what is found out about it, to the error that says why and what to do.
import { errnoName, errorFromNative, isNativeFailure, VfioError } from '../errors.js';
import type { NativeFailure } from '../native.js';
import type { Finding, Refusal } from './finding.js';
import { explain, explainRefusal } from './words.js';

/** The errno's name, or the library's own code. */
export function codeOf(failure: NativeFailure): string {
  return 'errno' in failure ? errnoName(failure.errno) : failure.code;
}

/** What follows from the failure alone. */
export function callFailed(failure: NativeFailure): Finding {
  return { finding: 'call-failed', failure };
}

/** The error of what native code threw. What is an error already stays as it is. */
export function diagnosed(
  failure: unknown,
  diagnose: (failure: NativeFailure) => Finding,
  address?: string,
): unknown {
  if (!isNativeFailure(failure)) return failure;
  return errorOf(failure, tryTo(diagnose, failure), address);
}

/** What cannot be found out now, for want of descriptors perhaps, does not hide what failed. */
function tryTo(diagnose: (failure: NativeFailure) => Finding, failure: NativeFailure): Finding {
  try {
    return diagnose(failure);
  } catch {
    return callFailed(failure);
  }
}

/** The error of a failure and what was found. */
export function errorOf(
  failure: NativeFailure,
  finding: Finding,
  address: string | undefined,
): unknown {
  return errorFromNative(failure, { address, ...explain(finding) });
}

/** The error of what was found before anything was tried. */
export function refusalError(refusal: Refusal): VfioError {
  const { code, summary, hint } = explainRefusal(refusal);
  return new VfioError(code, summary, { address: refusal.address, hint });
}
