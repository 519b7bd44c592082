// SPDX-License-Identifier: MIT
// Root opens a device and an ordinary user drives it. Either the process gives up root after opening, or a privileged
// parent passes it descriptors.
import { chmodSync, closeSync, openSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { edu, nvme, type VmDevice } from '../../vm/devices.js';
import { groupNode, groupOf, useBound } from '../support/bound.js';
import { expectKernelLog } from '../support/kernel-log.js';
import { firstDescriptor, Peer } from '../support/peer.js';
import { describeOn } from '../support/subject.js';
import { ordinaryUser } from '../support/user.js';

const KiB = 2 ** 10;
const { uid } = ordinaryUser;

describeOn({ backend: 'type1' }, 'S8/ root opens and an ordinary user drives', () => {
  useBound(edu, nvme);
  // Only root can open the nodes now. A process that gave up root cannot.
  beforeAll(() => {
    for (const device of [edu, nvme]) chmodSync(groupNode(device), 0o600);
  });

  describe('a process that gave up root', () => {
    let peer: Peer;

    beforeAll(async () => {
      peer = new Peer({ memlock: 64 });
      await peer.call('openDevice', edu.address);
      await peer.call('allocDma', 4 * KiB);
      await peer.call('arm', 'msi');
      await peer.call('becomeUser', uid);
    });
    afterAll(() => peer.kill());

    test('reads and writes registers', async () => {
      expect(await peer.call('invert', 0x1234_5678)).toBe(~0x1234_5678 >>> 0);
    });

    test('has the device move memory that it mapped before', async () => {
      const arrived = await peer.call('copyInMemory', 0x5a, 1 * KiB);
      expect(arrived).toEqual(new Uint8Array(1 * KiB).fill(0x5a));
    });

    test('gets the interrupts that it armed before, and arms others', async () => {
      expect(await peer.call('raise')).toBe(1);
      await peer.call('disarm');
      for (const type of ['intx', 'msi'] as const) {
        expect(await peer.call('interrupt', type)).toBe(1);
      }
    });

    test('maps memory up to its limit, what it mapped before counted in', async () => {
      for (let round = 0; round < 2; round++) {
        await peer.call('allocDma', 60 * KiB);
        await peer.call('freeDma');
      }
      expectKernelLog(/RLIMIT_MEMLOCK \(65536\) exceeded/);
      await expect(peer.call('allocDma', 64 * KiB)).rejects.toMatchObject({
        code: 'ENOMEM',
        hint: expect.stringMatching(/69632 bytes are needed .* 65536 are allowed/),
      });
      expect(await peer.call('invert', 0)).toBe(0xffff_ffff);
    });

    test('cannot open another device', async () => {
      await expect(peer.call('openDevice', nvme.address)).rejects.toMatchObject({
        code: 'EACCES',
        path: groupNode(nvme),
        hint: expect.stringContaining(
          `mode 0600, user 0, group 0; this process runs as user ${uid}`,
        ),
      });
    });

    test('closes what it has, and cannot open it again', async () => {
      await peer.call('closeContainer');
      await expect(peer.call('openDevice', edu.address)).rejects.toMatchObject({ code: 'EACCES' });
    });
  });

  test('a process that gave up root resets and closes', async () => {
    await using peer = new Peer();
    await peer.call('openDevice', nvme.address);
    await peer.call('becomeUser', uid);
    expect(await peer.call('interrupt', 'msix')).toBe(1);
    await peer.call('reset');
    expect(await peer.call('interrupt', 'msix')).toBe(1);
    await peer.call('closeDevice');
  });

  describe('a child that got descriptors', () => {
    let peer: Peer;
    const opened: number[] = [];

    function open(device: VmDevice): number[] {
      return ['/dev/vfio/vfio', groupNode(device)].map((path) => openSync(path, 'r+'));
    }

    beforeAll(() => {
      opened.push(...open(edu));
      peer = new Peer({ uid, memlock: 64, descriptors: opened });
      // The child has inherited its own copies by now.
      for (const descriptor of opened) closeSync(descriptor);
    });
    afterAll(() => peer.kill());

    test('may not open the nodes', async () => {
      await expect(peer.call('openDevice', edu.address)).rejects.toMatchObject({ code: 'EACCES' });
    });

    test('opens the device all the same', async () => {
      const group = { id: groupOf(edu), descriptor: firstDescriptor + 1 };
      const device = await peer.call('openByDescriptors', edu.address, firstDescriptor, group);
      expect(device).toBe(edu.device);
    });

    test('drives it', async () => {
      expect(await peer.call('invert', 0x0f0f_0f0f)).toBe(0xf0f0_f0f0);
      expect(await peer.call('copyByDma', 0x77, 512)).toEqual(new Uint8Array(512).fill(0x77));
      expect(await peer.call('interrupt', 'msi')).toBe(1);
      expect(await peer.call('interrupt', 'intx')).toBe(1);
    });

    test('opens it again by the same descriptors', async () => {
      await peer.call('closeContainer');
      const group = { id: groupOf(edu), descriptor: firstDescriptor + 1 };
      await peer.call('openByDescriptors', edu.address, firstDescriptor, group);
      expect(await peer.call('invert', 1)).toBe(0xffff_fffe);
    });
  });
});
