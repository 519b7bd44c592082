// SPDX-License-Identifier: MIT
// Calls that take the kernel long in ordinary use. hotplug/no-answer.test.ts tests a device without power.
import { expect, test } from '@jest/globals';
import { openDevice } from '../../lib/index.js';
import { nvme } from '../../vm/devices.js';
import { useBound } from '../support/bound.js';
import { LAG_LIMIT_MS, measureLag } from '../support/lag.js';
import { describeOn } from '../support/subject.js';

describeOn({ backend: 'type1', device: 'nvme' }, 'F20/ a reset of the kernel', () => {
  useBound(nvme);

  // All three include a function-level reset, which takes at least 100 ms (PCI Express Base 4.0, 6.6.2).
  test('holds up no open, reset or close of the event loop', async () => {
    const opened = await measureLag(() => openDevice(nvme.address));
    const device = opened.result;
    const reset = await measureLag(() => device.reset());
    const closed = await measureLag(() => device.close());
    expect(Math.max(opened.lag, reset.lag, closed.lag)).toBeLessThan(LAG_LIMIT_MS);
  });
});
