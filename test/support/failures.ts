// SPDX-License-Identifier: MIT
// Catches what a call throws.

/** What a call throws; undefined when it throws nothing. */
export function failureOf(call: () => unknown): unknown {
  try {
    call();
  } catch (failure) {
    return failure;
  }
  return undefined;
}
