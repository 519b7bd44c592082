// SPDX-License-Identifier: MIT
// SR-IOV: virtual functions whose physical function has its kernel driver, or is bound to vfio-pci. In the second case,
// they share its VF token.
import { existsSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Binding, bindDevice, type Device, openDevice } from '../../lib/index.js';
import { edu, virtualFunctions, virtualizable } from '../../vm/devices.js';
import { describeOn } from '../support/subject.js';
import { driverOf, sysfs } from '../support/sysfs.js';
import { until } from '../support/until.js';

const physical = virtualizable.address;
const [virtual, sibling] = virtualFunctions;
const vfToken = '83d8f4f2-509f-382f-3c1e-e6bfe0fa1001';
const wrong = '83d8f4f2-509f-382f-3c1e-e6bfe0fa1002';
/** CSTS of a virtual function without queues: a fatal status. Every other register reads 0. */
const status = { offset: 0x1c, offline: 2 };

/** Creates this many virtual functions; 0 removes them. */
function setVirtualFunctions(count: number): void {
  writeFileSync(sysfs(virtualizable, 'sriov_numvfs'), `${count}`);
}

function hasVirtualFunction(): boolean {
  return existsSync(`/sys/bus/pci/devices/${virtual}`);
}

/** The steps that undo what a test opened and bound. They run in the opposite order. */
let undo: (() => unknown)[];

async function opened(address: string, options = {}): Promise<Device> {
  const device = await openDevice(address, options);
  undo.push(() => device.close());
  return device;
}

async function bound(address: string): Promise<Binding> {
  const binding = await bindDevice(address);
  undo.push(() => binding.restore());
  return binding;
}

describeOn({ backend: 'type1', device: 'nvme' }, 'vfToken: SR-IOV', () => {
  beforeEach(() => {
    undo = [];
    // The kernel's driver would probe them, at a time of its own, and fail because they have no queues.
    writeFileSync(sysfs(virtualizable, 'sriov_drivers_autoprobe'), '0');
  });

  afterEach(async () => {
    for (const step of undo.reverse()) await step();
    setVirtualFunctions(0);
    writeFileSync(sysfs(virtualizable, 'sriov_drivers_autoprobe'), '1');
    expect(hasVirtualFunction()).toBe(false);
    await until(() => driverOf(virtualizable) === 'nvme', 'nvme has the physical function again');
  });

  describe('with the physical function in the hands of its kernel driver', () => {
    beforeEach(() => {
      setVirtualFunctions(2);
    });

    test('a virtual function opens without a token, answers and resets', async () => {
      await bound(virtual);
      const device = await opened(virtual);
      expect(device.bar(0).read32(status.offset)).toBe(status.offline);
      await device.reset();
      expect(device.bar(0).read32(status.offset)).toBe(status.offline);
    });

    test('a virtual function refuses a token', async () => {
      await bound(virtual);
      await expect(openDevice(virtual, { vfToken })).rejects.toMatchObject({
        code: 'EINVAL',
        message: expect.stringContaining(`${virtual} has no VF token`),
        hint: expect.stringContaining('Leave out `vfToken`'),
      });
    });

    test.each([{ dryRun: false }, { dryRun: true }])(
      'the physical function is not bound away from its driver (%j)',
      async (options) => {
        await expect(bindDevice(physical, options)).rejects.toMatchObject({
          code: 'ERR_VFIO_BUSY',
          message: expect.stringContaining(`${physical} has 2 virtual functions`),
        });
        expect(driverOf(virtualizable)).toBe('nvme');
      },
    );
  });

  describe('with the physical function bound to vfio-pci', () => {
    beforeEach(async () => {
      await bound(physical);
    });

    /** Opens the physical function with the token, and creates its virtual functions. */
    async function share(): Promise<Device> {
      const device = await opened(physical, { vfToken });
      setVirtualFunctions(2);
      undo.push(() => setVirtualFunctions(0));
      await bound(virtual);
      return device;
    }

    test('a virtual function opens with the same token', async () => {
      await share();
      const device = await opened(virtual, { vfToken });
      await bound(sibling);
      await opened(sibling, { vfToken: vfToken.toUpperCase() });
      expect(device.bar(0).read32(status.offset)).toBe(status.offline);
    });

    test.each([
      ['without a token', {}, 'Open'],
      ['with another token', { vfToken: wrong }, `${physical} was opened with a different token`],
    ])('a virtual function does not open %s', async (_, options, words) => {
      await share();
      await expect(openDevice(virtual, options)).rejects.toMatchObject({
        code: 'EACCES',
        request: 'VFIO_GROUP_GET_DEVICE_FD',
        message: expect.stringContaining(`${virtual} is a virtual function of ${physical}`),
        hint: expect.stringContaining(words),
      });
      await opened(virtual, { vfToken });
    });
  });

  test('a device without SR-IOV refuses a token', async () => {
    await bound(edu.address);
    await expect(openDevice(edu.address, { vfToken })).rejects.toMatchObject({
      code: 'EINVAL',
      message: expect.stringContaining(`${edu.address} has no VF token`),
    });
    await opened(edu.address);
  });
});
