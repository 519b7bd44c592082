// SPDX-License-Identifier: MIT
// Random calls of the API and the addon, in separate processes. `npm run fuzz` makes them for longer.
import { beforeAll, describe, expect, test } from '@jest/globals';
import { fuzzApi, preparePublicApi } from '../fuzz/api-target.js';

const LIMITS = { seconds: 60, calls: 2000 };

describe('thousands of random calls', () => {
  beforeAll(preparePublicApi, 60_000);

  test('on the public API all get an answer, and leave nothing open', async () => {
    const { crashes, runs } = await fuzzApi('api', LIMITS, 1);
    expect(crashes).toEqual([]);
    expect(runs).toBeGreaterThan(0);
  });

  test('on what the addon exports do not end the process', async () => {
    const { crashes, runs } = await fuzzApi('addon', LIMITS, 1);
    expect(crashes).toEqual([]);
    expect(runs).toBeGreaterThan(0);
  });
});
