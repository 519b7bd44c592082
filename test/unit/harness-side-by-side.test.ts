// SPDX-License-Identifier: MIT
import { describe, expect, it } from '@jest/globals';
import { sideBySide } from '../harness/side-by-side.js';

const items = [
  { name: 'short', seconds: 1 },
  { name: 'long', seconds: 9 },
  { name: 'middle', seconds: 5 },
];

describe('sideBySide', () => {
  it('begins with what takes longest and gives the results in the order of the items', async () => {
    const begun: string[] = [];
    const results = await sideBySide(items, 1, async ({ name }) => {
      begun.push(name);
      return name.toUpperCase();
    });
    expect(begun).toEqual(['long', 'middle', 'short']);
    expect(results).toEqual(['SHORT', 'LONG', 'MIDDLE']);
  });

  it('begins with what is to be last after all others, however long it takes', async () => {
    const begun: string[] = [];
    const last = { name: 'last', seconds: 99, last: true };
    await sideBySide([last, ...items], 1, async ({ name }) => begun.push(name));
    expect(begun).toEqual(['long', 'middle', 'short', 'last']);
  });

  it('does as many at a time as it may', async () => {
    let [running, most] = [0, 0];
    await sideBySide(items, 2, async () => {
      most = Math.max(most, ++running);
      await new Promise(setImmediate);
      running--;
    });
    expect(most).toBe(2);
  });

  it('passes on what the work rejects with', async () => {
    const work = () => Promise.reject(new Error('no machine'));
    await expect(sideBySide(items, 2, work)).rejects.toThrow('no machine');
  });
});
