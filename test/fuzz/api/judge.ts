// SPDX-License-Identifier: MIT
// Decides which exceptions are a proper answer. Those are exceptions with a code, exceptions from the caller's own
// code, and the exceptions with which JavaScript refuses access to a private member on an object of another class.
import { HostileError } from './hostile.js';

const BRAND_CHECK =
  /private (?:member|method)|#\w+ (?:from|to) an object whose class did not declare it/;

export function isAnswer(failure: unknown): boolean {
  if (failure instanceof HostileError || failure instanceof DOMException) return true;
  if (!(failure instanceof Error)) return false;
  const { code } = failure as { code?: unknown };
  if (typeof code === 'string' && code !== '') return true;
  return failure instanceof TypeError && BRAND_CHECK.test(failure.message);
}
