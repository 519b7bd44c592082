// SPDX-License-Identifier: MIT
// The leak budget in short; `npm run soak` has the long form.
import { expect, test } from '@jest/globals';
import { edu, nvme } from '../../vm/devices.js';
import { useBound } from '../support/bound.js';
import { LeakBudget, nothing } from '../support/leak-budget.js';
import { describeOn } from '../support/subject.js';

/** Mappings a cycle: whatever stays mapped is one each time, and V8's own come and go. */
const MAPPINGS_BUDGET = 0.25;

describeOn({ backend: 'type1' }, 'F17/ opened, used and closed over and over', () => {
  useBound(edu, nvme);

  test('edu leaves nothing', async () => {
    const budget = await LeakBudget.begin({ address: edu.address, interrupts: 'msi' }, 100);
    for (let sample = 0; sample < 10; sample++) await budget.run(20);
    expect(await budget.left()).toEqual(nothing);
    expect(budget.growth.mappings).toBeLessThan(MAPPINGS_BUDGET);
    // Bytes are judged by npm run soak: over so few cycles, in jest, V8's own pages outweigh the budget.
  });

  test('nvme leaves nothing', async () => {
    const budget = await LeakBudget.begin({ address: nvme.address, interrupts: 'msix' }, 3);
    for (let sample = 0; sample < 4; sample++) await budget.run(2);
    expect(await budget.left()).toEqual(nothing);
  });
});
