// SPDX-License-Identifier: MIT
// A reset as the device itself sees it, without VFIO's virtualization.
import { expect, test } from '@jest/globals';
import { nvme } from '../../vm/devices.js';
import { realConfig16, useDevice } from '../support/bound.js';
import { command } from '../support/command-register.js';
import { describeOn } from '../support/subject.js';

describeOn({ backend: 'type1', device: 'nvme' }, 'F2/ a reset', () => {
  const held = useDevice(nvme);

  test('leaves bus master off, memory decode on and INTx masked', async () => {
    const { device } = held;
    device.busMaster = true;
    await device.reset();
    expect(device.busMaster).toBe(false);
    const bits = command.memory | command.busMaster | command.intxDisable;
    expect(realConfig16(nvme, command.register) & bits).toBe(command.memory | command.intxDisable);
  });
});
