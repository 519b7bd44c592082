// SPDX-License-Identifier: MIT
// describeOn: names the back end and device of a group of tests.
import { describe } from '@jest/globals';
import { type Subject, titleOn } from '../harness/titles.js';

/** Tests of one back end and device, which the report counts apart. */
export function describeOn(subject: Subject, title: string, body: () => void): void {
  describe(titleOn(title, subject), body);
}
