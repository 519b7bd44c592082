// SPDX-License-Identifier: MIT
// A device that is unplugged while a driver has it open, and plugged in again.
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { bindDevice, openDevice } from '../../lib/index.js';
import { nvme, nvmeDisk as nvmeDrive, rootPort } from '../../vm/devices.js';
import { plug, unplug, untilUnplugged } from '../../vm/host.js';
import { describeOn } from '../support/subject.js';
import { driverOf, nvmeDisk, sysfs } from '../support/sysfs.js';
import { until } from '../support/until.js';

/** A hang guard. The kernel requests the device within 1 s; the button of a slot takes another 5 s. */
const REQUEST_LIMIT_MS = 20_000;

describeOn({ backend: 'type1' }, 'F3/ a device that is open', () => {
  test('is asked for and goes when it is unplugged', async () => {
    await nvmeDisk();
    await bindDevice(nvme.address);
    await using device = await openDevice(nvme.address);
    device.bar(0).read32(0);
    const requested = once(device, 'request', { signal: AbortSignal.timeout(REQUEST_LIMIT_MS) });
    await unplug(nvme.id);
    await requested;
    expect(device.bar(0).read32(0x08)).toBe(0x0001_0400);
    await device.close();
    await untilUnplugged(nvme.id);
    await until(() => !existsSync(sysfs(nvme, 'vendor')), 'the device is gone');
    await expect(openDevice(nvme.address)).rejects.toMatchObject({ code: 'ENODEV' });

    await plug('nvme', nvme.id, { bus: rootPort.id, serial: 'vfio-nvme-0', drive: nvmeDrive });
    await until(() => driverOf(nvme) === 'nvme', 'nvme has the device again');
    await nvmeDisk();
  });
});
