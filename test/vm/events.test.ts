// SPDX-License-Identifier: MIT
// The events of an open device: the kernel wants it back, or it reported an error.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { bindDevice, type Device, openDevice } from '../../lib/index.js';
import { edu, nvme, rootPort, type VmDevice } from '../../vm/devices.js';
import { injectError } from '../../vm/host.js';
import { useBound } from '../support/bound.js';
import { Edu, eduIdentification } from '../support/edu.js';
import { expectKernelLog } from '../support/kernel-log.js';
import { describeOn } from '../support/subject.js';
import { driverOf, sysfs } from '../support/sysfs.js';
import { until } from '../support/until.js';

/** Waits until a device emits this event. */
async function event(device: Device, name: 'request' | 'close'): Promise<void> {
  await once(device, name, { signal: AbortSignal.timeout(10_000) });
}

/** Unbinds the device from vfio-pci, as an administrator would. Ends when the kernel has it back. */
function unbind({ address }: VmDevice): Promise<unknown> {
  const path = '/sys/bus/pci/drivers/vfio-pci/unbind';
  return once(spawn('sh', ['-c', `echo ${address} > ${path}`], { stdio: 'ignore' }), 'exit');
}

/** Makes the kernel look for a driver again. The override makes that vfio-pci. */
async function bindAgain({ address }: VmDevice): Promise<void> {
  await writeFile('/sys/bus/pci/drivers_probe', address);
}

describeOn({ backend: 'type1' }, 'F3/ a device that is open', () => {
  describe('when an administrator unbinds it', () => {
    useBound(edu, nvme);
    let warnings: unknown[];

    beforeEach(() => {
      warnings = [];
      jest.spyOn(process, 'emitWarning').mockImplementation((warning, options) => {
        warnings.push([warning, options]);
      });
    });
    afterEach(async () => {
      jest.restoreAllMocks();
      for (const device of [edu, nvme]) if (driverOf(device) === undefined) await bindAgain(device);
    });

    test.each([edu, nvme])('asks for it, and waits until it is closed: $id', async (which) => {
      await using device = await openDevice(which.address);
      const requested = event(device, 'request');
      const unbound = unbind(which);
      await requested;
      expect(device.closed).toBe(false);
      expect(device.config.vendorId).toBe(which.vendor);
      await device.close();
      await unbound;
      expect(driverOf(which)).toBeUndefined();
      await expect(openDevice(which.address)).rejects.toMatchObject({ code: 'ERR_VFIO_NOT_BOUND' });
      expect(warnings).toEqual([]);
    });

    test('asks once', async () => {
      await using device = await openDevice(edu.address);
      let requests = 0;
      device.on('request', () => requests++);
      const unbound = unbind(edu);
      await until(() => requests > 0, 'the kernel requests the device');
      await device.close();
      await unbound;
      expect(requests).toBe(1);
    });

    test('closes it after the grace time when nothing is done about it', async () => {
      await using device = await openDevice(edu.address, { requestGrace: 100 });
      const order: string[] = [];
      device.on('request', () => order.push('request'));
      device.on('close', () => order.push('close'));
      await unbind(edu);
      await until(() => order.length === 2, 'the device is closed');
      expect(order).toEqual(['request', 'close']);
      expect(device.closed).toBe(true);
      expect(warnings).toEqual([]);
    });

    test('closes it at once, with a warning, when nobody listens', async () => {
      await using device = await openDevice(edu.address);
      const closed = event(device, 'close');
      await unbind(edu);
      await closed;
      expect(warnings).toEqual([
        [
          `The kernel wants ${edu.address} back, so the library closes it`,
          expect.objectContaining({ type: 'VfioWarning', code: 'VFIO_REQUEST' }),
        ],
      ]);
    });

    test('asks nobody who has closed it', async () => {
      const device = await openDevice(edu.address);
      let requests = 0;
      device.on('request', () => requests++);
      await device.close();
      await unbind(edu);
      expect(requests).toBe(0);
    });

    test('leaves the others of its container open', async () => {
      await using device = await openDevice(edu.address);
      const other = await device.container.openDevice(nvme.address);
      const requested = event(other, 'request');
      const unbound = unbind(nvme);
      await requested;
      await other.close();
      await unbound;
      expect(device.closed).toBe(false);
      expect(new Edu(device).identification).toBe(eduIdentification);
    });
  });

  test('can be given back by who still has it open, while it is asked for', async () => {
    // The kernel holds the device's lock until the device is closed: a blocking read of sysfs would never return.
    const binding = await bindDevice(edu.address);
    await using device = await openDevice(edu.address);
    const restored = once(device, 'request').then(() => {
      const restoring = binding.restore();
      setTimeout(() => device.close(), 50);
      return restoring;
    });
    await unbind(edu);
    await restored;
    expect(driverOf(edu)).toBeUndefined();
    expect((await readFile(sysfs(edu, 'driver_override'), 'utf8')).trim()).toBe('(null)');
  });
});

describeOn({ backend: 'type1' }, 'F5/ a device that is open, when it reports an error,', () => {
  useBound(nvme);

  test.each(['COMP_TIME', 'MALF_TLP'] as const)('emits fault: %s', async (error) => {
    expectKernelLog(/AER|pcieport/, { optional: true });
    await using device = await openDevice(nvme.address);
    let faults = 0;
    device.on('fault', () => faults++);
    await injectError(rootPort.id, error);
    await until(() => faults > 0, 'the device reports the error');
    expect(device.closed).toBe(false);
  });
});
