// SPDX-License-Identifier: MIT
// Groups: the devices that a program opens in one, and the one container that a group can be in.
import { describe, expect, test } from '@jest/globals';
import { describeContract } from '../support/back-ends.js';

describeContract({}, 'a group', (subject) => {
  const { edu, pair } = subject.devices;
  const { groupOf } = subject;

  describe('that can be handed over', () => {
    subject.useReady(edu, ...pair);

    test('opens its devices', async () => {
      await using container = await subject.openContainer();
      const group = await container.openGroup(groupOf(pair[0]));
      const devices = [];
      for (const { address } of pair) devices.push(await group.openDevice(address));
      expect(devices.map(({ address }) => address)).toEqual(pair.map(({ address }) => address));
      expect(container.devices).toEqual(devices);
    });

    test('opens no device of another group', async () => {
      await using container = await subject.openContainer();
      const group = await container.openGroup(groupOf(pair[0]));
      await expect(group.openDevice(edu.address)).rejects.toMatchObject({
        code: 'ERR_VFIO_ADDRESS',
        message: expect.stringContaining(`which contains ${pair[0].address}, ${pair[1].address}`),
      });
    });

    test('closes its devices before itself', async () => {
      await using container = await subject.openContainer();
      const group = await container.openGroup(groupOf(pair[0]));
      const closed: string[] = [];
      for (const { address } of pair) {
        const device = await group.openDevice(address);
        device.on('close', () => closed.push(address));
      }
      await group.close();
      expect(group.closed).toBe(true);
      expect(closed.sort()).toEqual(pair.map(({ address }) => address));
      expect(container.groups).toEqual([]);
      expect(container.devices).toEqual([]);
    });

    test('is refused to another container', async () => {
      await using container = await subject.openContainer();
      await using other = await subject.openContainer();
      const group = await container.openGroup(groupOf(edu));
      const busy = { code: 'ERR_VFIO_BUSY' };
      await expect(other.openGroup(groupOf(edu))).rejects.toMatchObject(busy);
      await expect(other.openDevice(edu.address)).rejects.toMatchObject(busy);
      await group.close();
      await other.openDevice(edu.address);
    });

    test('can be opened again when it is closed', async () => {
      await using container = await subject.openContainer();
      for (let round = 0; round < 3; round++) {
        const group = await container.openGroup(groupOf(edu));
        await group.openDevice(edu.address);
        await group.close();
        expect(container.info.attached).toBe(false);
      }
    });
  });
});
