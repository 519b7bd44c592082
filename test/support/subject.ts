// SPDX-License-Identifier: MIT
// describeOn: names the back end and device of a group of tests.
import { describe } from '@jest/globals';
import { type Subject, titleOn } from '../harness/titles.js';

/** Groups tests of one back end and device. The report counts each such combination separately. */
export function describeOn(subject: Subject, title: string, body: () => void): void {
  describe(titleOn(title, subject), body);
}
