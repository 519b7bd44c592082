// SPDX-License-Identifier: MIT
// An ordinary user, with and without access to a group's node. The user has no capability and the usual limit on locked
// memory.
import { chmodSync, chownSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { blocked, edu, nvme } from '../../vm/devices.js';
import { groupNode, useBound } from '../support/bound.js';
import { Peer } from '../support/peer.js';
import { describeOn } from '../support/subject.js';
import { driverOf } from '../support/sysfs.js';

const nobody = 65534;

describeOn({ backend: 'type1' }, 'S3/ an ordinary user', () => {
  useBound(edu, nvme);
  let peer: Peer;

  beforeAll(() => {
    peer = new Peer({ uid: nobody });
  });
  afterAll(() => peer.kill());

  test('cannot bind a device, and is told what it takes', async () => {
    await expect(peer.call('bindDevice', blocked.edu.address)).rejects.toMatchObject({
      code: 'EACCES',
      address: blocked.edu.address,
      hint: expect.stringContaining('needs root'),
    });
    expect(driverOf(blocked.edu)).toBeUndefined();
  });

  test('cannot open a node that is closed to it, and is shown a udev rule', async () => {
    chmodSync(groupNode(edu), 0o600);
    const opening = peer.call('openDevice', edu.address);
    await expect(opening).rejects.toMatchObject({
      code: 'EACCES',
      path: groupNode(edu),
      address: edu.address,
      hint: expect.stringContaining('SUBSYSTEM=="vfio", GROUP="vfio", MODE="0660"'),
    });
    await expect(opening).rejects.toMatchObject({
      hint: expect.stringContaining(
        `mode 0600, user 0, group 0; this process runs as user ${nobody}`,
      ),
    });
  });

  test('opens the device when it was given the node', async () => {
    for (const device of [edu, nvme]) chownSync(groupNode(device), nobody, nobody);
    expect(await peer.call('openDevice', edu.address)).toBe(edu.device);
  });

  test('reads and writes its registers', async () => {
    expect(await peer.call('invert', 0x1234_5678)).toBe(~0x1234_5678 >>> 0);
  });

  test('has it move memory', async () => {
    const arrived = await peer.call('copyByDma', 0x42, 1024);
    expect(arrived).toEqual(new Uint8Array(1024).fill(0x42));
  });

  test.each(['intx', 'msi'] as const)('gets its interrupts by %s', async (type) => {
    expect(await peer.call('interrupt', type)).toBe(1);
  });

  test('closes it, and opens another', async () => {
    await peer.call('closeDevice');
    expect(await peer.call('openDevice', nvme.address)).toBe(nvme.device);
    expect(await peer.call('interrupt', 'msix')).toBe(1);
    await peer.call('reset');
    await peer.call('closeDevice');
  });
});
