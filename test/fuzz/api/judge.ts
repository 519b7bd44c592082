// SPDX-License-Identifier: MIT
// Which exceptions are a proper answer. Those with a code, those of the caller's own code, and those by which
// JavaScript refuses a private member to an object of another class.
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
