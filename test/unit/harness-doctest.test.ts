// SPDX-License-Identifier: MIT
import { expect, test } from '@jest/globals';
import { DoctestReader } from '../harness/doctest.js';
import type { TestEvent } from '../harness/events.js';

function read(lines: string, pattern = ''): TestEvent[] {
  const events: TestEvent[] = [];
  const reader = new DoctestReader((event) => events.push(event), new RegExp(pattern));
  for (const line of lines.split('\n')) reader.push(line);
  return events;
}

const PASSING = `
    <TestCase name="a &lt;&amp;&gt; b" filename="/src/a_test.cc" line="1">
      <OverallResultsAsserts successes="6" failures="0" test_case_success="true" duration="0.014"/>
    </TestCase>`;

const FAILING = `
    <TestCase name="fails" filename="/src/a_test.cc" line="95">
      <Expression success="false" type="CHECK" filename="/src/a_test.cc" line="102">
        <Original>
          left == &quot;right&quot;
        </Original>
        <Expanded>
          71 == 327
        </Expanded>
      </Expression>
      <OverallResultsAsserts successes="6" failures="1" test_case_success="false" duration="0.1"/>
    </TestCase>`;

test('a doctest case that passes is started and passed', () => {
  expect(read(PASSING)).toMatchObject([
    { event: 'start', file: 'test/native/a_test.cc', name: 'a <&> b' },
    { event: 'case', name: 'a <&> b', status: 'passed', reason: '', ms: 14 },
  ]);
});

test('a doctest case that fails says where and why', () => {
  const reason = 'a_test.cc:102\n  left == "right"\n  71 == 327';
  expect(read(FAILING)[1]).toMatchObject({ event: 'case', status: 'failed', reason });
});

test('a doctest case that is skipped in the source is a failure', () => {
  const skipped = '<TestCase name="s" filename="a.cc" line="1" skipped="true"/>';
  expect(read(skipped)).toMatchObject([{ event: 'case', name: 's', status: 'failed' }]);
});

test('only doctest cases whose name matches are reported', () => {
  const names = read(PASSING + FAILING, '^fails$').map((event) => 'name' in event && event.name);
  expect(names).toEqual(['fails', 'fails']);
});

test('doctest cases that are listed are not run', () => {
  const listed = '<TestCase name="l" filename="a.cc" line="1" skipped="false"/>';
  expect(read(listed)).toEqual([{ event: 'listed', name: 'l' }]);
});

test('the end of the report is the end of the run', () => {
  expect(read('</doctest>')).toEqual([{ event: 'end' }]);
});
