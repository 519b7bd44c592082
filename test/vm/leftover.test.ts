// SPDX-License-Identifier: MIT
// Devices left over by processes that were interrupted before they could restore them, and how to restore them.
import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { bindDevice, openDevice, releaseDevice } from '../../lib/index.js';
import { edu, nvme } from '../../vm/devices.js';
import { Peer } from '../support/peer.js';
import { describeOn } from '../support/subject.js';
import { driverOf, nvmeDisk, overrideOf, sysfs } from '../support/sysfs.js';

const remembered = '/run/vfio/bindings.json';
const entries = () => JSON.parse(readFileSync(remembered, 'utf8')) as Record<string, unknown>;

/** Makes a process bind and open the device, then sends it a signal. */
async function leaveOver(signal: NodeJS.Signals): Promise<void> {
  const peer = new Peer();
  await peer.call('bindDevice', nvme.address);
  await peer.call('openDevice', nvme.address);
  await peer.kill(signal);
  expect([driverOf(nvme), overrideOf(nvme)]).toEqual(['vfio-pci', 'vfio-pci']);
}

async function expectRestored(): Promise<void> {
  expect([driverOf(nvme), overrideOf(nvme)]).toEqual(['nvme', '(null)']);
  expect(entries()).not.toHaveProperty([nvme.address]);
  await nvmeDisk();
}

describeOn({ backend: 'type1', device: 'nvme' }, 'S2/ binding a leftover', () => {
  beforeEach(async () => {
    await nvmeDisk();
  });
  afterEach(async () => {
    await releaseDevice(nvme.address);
  });

  test.each(['SIGINT', 'SIGKILL'] as const)(
    'leftover of a process that got %s: the next binding says so, and gives it back',
    async (signal) => {
      await leaveOver(signal);
      const binding = await bindDevice(nvme.address);
      expect(binding).toMatchObject({ leftOver: true, previousDriver: 'nvme', steps: [] });
      await (await openDevice(nvme.address)).close();
      await binding.restore();
      await expectRestored();
      expect(await bindDevice(nvme.address, { dryRun: true })).toMatchObject({ leftOver: false });
    },
  );

  test('leftover of a process that got SIGINT: releaseDevice gives it back', async () => {
    await leaveOver('SIGINT');
    const released = await releaseDevice(nvme.address);
    expect(released).toMatchObject({ address: nvme.address, driver: 'nvme' });
    expect(released.steps).toHaveLength(3);
    await expectRestored();
  });

  test('leftover that nothing is known of: releaseDevice lets the kernel choose a driver', async () => {
    writeFileSync(sysfs(nvme, 'driver_override'), 'vfio-pci');
    writeFileSync('/sys/bus/pci/drivers/nvme/unbind', nvme.address);
    writeFileSync('/sys/bus/pci/drivers_probe', nvme.address);
    expect(driverOf(nvme)).toBe('vfio-pci');
    const binding = await bindDevice(nvme.address);
    expect(binding).toMatchObject({ leftOver: false, previousDriver: 'vfio-pci' });
    await binding.restore();
    expect(driverOf(nvme)).toBe('vfio-pci');
    expect(await releaseDevice(nvme.address)).toMatchObject({ driver: 'nvme' });
    expect([driverOf(nvme), overrideOf(nvme)]).toEqual(['nvme', '(null)']);
  });

  test('is none while the process that bound it runs: it stays bound', async () => {
    await using peer = new Peer();
    await peer.call('bindDevice', nvme.address);
    const binding = await bindDevice(nvme.address);
    expect(binding).toMatchObject({ leftOver: false, previousDriver: 'vfio-pci' });
    await binding.restore();
    expect(driverOf(nvme)).toBe('vfio-pci');
  });

  describe('releasing', () => {
    test('takes a leftover override from a device that its driver has', async () => {
      writeFileSync(sysfs(nvme, 'driver_override'), 'vfio-pci');
      expect(await releaseDevice(nvme.address)).toMatchObject({
        driver: 'nvme',
        steps: [`echo > /sys/bus/pci/devices/${nvme.address}/driver_override`],
      });
      expect(overrideOf(nvme)).toBe('(null)');
    });

    test('leaves a device without a driver when it had none', async () => {
      await using peer = new Peer();
      await peer.call('bindDevice', edu.address);
      await peer.kill();
      expect(driverOf(edu)).toBe('vfio-pci');
      expect(await releaseDevice(edu.address)).toMatchObject({ driver: undefined });
      expect([driverOf(edu), overrideOf(edu)]).toEqual([undefined, '(null)']);
    });
  });
});
