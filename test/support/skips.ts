// SPDX-License-Identifier: MIT
// Skips tests with a reason. A skip that is expected on some machine stands in test/expected-skips.txt; any other
// fails the run in CI.
import { describe, test } from '@jest/globals';
import { skippedTitle } from '../harness/titles.js';

type TestBody = () => void | Promise<void>;

/** `test` where the condition holds, else a skip with this reason: `testIf(hasX, 'no X')('…', …)`. */
export function testIf(condition: boolean, reason: string) {
  return (name: string, body: TestBody, timeout?: number): void => {
    if (condition) test(name, body, timeout);
    else test.skip(skippedTitle(name, reason), body);
  };
}

/** `describe` where the condition holds, else its tests are skipped with this reason. */
export function describeIf(condition: boolean, reason: string) {
  return (name: string, body: () => void): void => {
    if (condition) describe(name, body);
    else describe.skip(skippedTitle(name, reason), body);
  };
}
