// SPDX-License-Identifier: MIT
import { expect, test } from '@jest/globals';
import { Aborts } from '../../lib/nvme/aborts.js';

test('only one Abort is in flight, and one that fails does not stop the next', async () => {
  let inFlight = 0;
  const answers: (number | Error)[] = [0, new Error('refused'), 1];
  const aborts = new Aborts(async () => {
    expect(++inFlight).toBe(1);
    await new Promise(setImmediate);
    inFlight--;
    const answer = answers.shift() as number | Error;
    if (typeof answer === 'number') return answer;
    throw answer;
  });
  const outcomes = await Promise.allSettled([0, 1, 2].map((cid) => aborts.send(1, cid)));
  expect(outcomes).toMatchObject([
    { value: true },
    { reason: expect.objectContaining({ message: 'refused' }) },
    { value: false },
  ]);
});
