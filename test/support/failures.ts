// SPDX-License-Identifier: MIT
// Catches what a call throws.

/** Returns what a call throws; undefined if it throws nothing. */
export function failureOf(call: () => unknown): unknown {
  try {
    call();
  } catch (failure) {
    return failure;
  }
  return undefined;
}
