// SPDX-License-Identifier: MIT
// Calls that the kernel takes long for, in ordinary use. hotplug/no-answer.test.ts has a device without power.
import { expect, test } from '@jest/globals';
import { openDevice } from '../../lib/index.js';
import { nvme } from '../../vm/devices.js';
import { useBound } from '../support/bound.js';
import { LAG_LIMIT_MS, measureLag } from '../support/lag.js';
import { describeOn } from '../support/subject.js';

describeOn({ backend: 'type1', device: 'nvme' }, 'F20/ a reset of the kernel', () => {
  useBound(nvme);

  // A function-level reset takes 100 ms at least (PCI Express Base 4.0, 6.6.2), and is part of all three.
  test('holds up no open, reset or close of the event loop', async () => {
    const opened = await measureLag(() => openDevice(nvme.address));
    const device = opened.result;
    const reset = await measureLag(() => device.reset());
    const closed = await measureLag(() => device.close());
    expect(Math.max(opened.lag, reset.lag, closed.lag)).toBeLessThan(LAG_LIMIT_MS);
  });
});
