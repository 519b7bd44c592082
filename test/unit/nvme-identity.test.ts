// SPDX-License-Identifier: MIT
import { expect, test } from '@jest/globals';
import type { Command } from '../../lib/nvme/commands.js';
import { Identify } from '../../lib/nvme/identity.js';

/** A controller with these active namespaces. Each page of its list begins after the namespace that was asked for. */
function listing(active: number[], ascends = true) {
  const asked: number[] = [];
  const identify = new Identify(async ({ nsid = 0, data }: Command) => {
    asked.push(nsid);
    const page = active.filter((each) => !ascends || each > nsid).slice(0, 1024);
    (data as Uint8Array).set(new Uint8Array(Uint32Array.from(page).buffer));
    return 0;
  });
  return { asked, identify };
}

test.each([[0], [1], [1023], [1024], [1025], [3000]])(
  'a list of %i namespaces is read to its end',
  async (count) => {
    const active = Array.from({ length: count }, (_, i) => 2 * i + 1);
    const { asked, identify } = listing(active);
    expect(await identify.activeNamespaces()).toEqual(active);
    expect(asked.length).toBe(Math.floor(count / 1024) + 1);
  },
);

test('a list that begins again and again ends', async () => {
  const { asked, identify } = listing(
    Array.from({ length: 1024 }, (_, i) => i + 1),
    false,
  );
  expect((await identify.activeNamespaces()).length).toBe(1024);
  expect(asked.length).toBe(2);
});
