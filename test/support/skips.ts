// SPDX-License-Identifier: MIT
// Skips tests, with a reason. test/expected-skips.txt lists the expected skips. In CI, any other skip fails the run.
import { describe, test } from '@jest/globals';
import { skippedTitle } from '../harness/titles.js';

type TestBody = () => void | Promise<void>;

/** `test` if the condition holds, otherwise a skip with this reason: `testIf(hasX, 'no X')('…', …)`. */
export function testIf(condition: boolean, reason: string) {
  return (name: string, body: TestBody, timeout?: number): void => {
    if (condition) test(name, body, timeout);
    else test.skip(skippedTitle(name, reason), body);
  };
}

/** `describe` if the condition holds, otherwise all its tests are skipped with this reason. */
export function describeIf(condition: boolean, reason: string) {
  return (name: string, body: () => void): void => {
    if (condition) describe(name, body);
    else describe.skip(skippedTitle(name, reason), body);
  };
}
