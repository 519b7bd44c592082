// SPDX-License-Identifier: MIT
// Root in a user namespace, as in a rootless container: VFIO ignores the capabilities that root has there.
import { chownSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { blocked, edu, nvme } from '../../vm/devices.js';
import { groupNode, useBound } from '../support/bound.js';
import { expectKernelLog } from '../support/kernel-log.js';
import { Peer } from '../support/peer.js';
import { describeOn } from '../support/subject.js';
import { ordinaryUser } from '../support/user.js';

const KiB = 2 ** 10;
const { uid } = ordinaryUser;

describeOn({ backend: 'type1' }, 'S7/ root in a user namespace', () => {
  useBound(edu, nvme);
  let peer: Peer;

  beforeAll(() => {
    chownSync(groupNode(edu), uid, uid);
    peer = new Peer({ uid, memlock: 64, userNamespace: true });
  });
  afterAll(() => peer.kill());

  test('has every capability there', async () => {
    const { uid, capabilities } = await peer.call('identity');
    expect(uid).toBe(0);
    // CAP_SYS_ADMIN is 21, CAP_IPC_LOCK 14.
    expect(BigInt(`0x${capabilities}`) & ((1n << 21n) | (1n << 14n))).toBe(
      (1n << 21n) | (1n << 14n),
    );
  });

  test('cannot bind a device', async () => {
    const binding = peer.call('bindDevice', blocked.edu.address);
    await expect(binding).rejects.toMatchObject({ code: 'EACCES' });
  });

  test('opens the nodes that its user outside may open, and no others', async () => {
    expect(await peer.call('openDevice', edu.address)).toBe(edu.device);
    expect(await peer.call('invert', 0)).toBe(0xffff_ffff);
    const opening = peer.call('openDevice', nvme.address);
    await expect(opening).rejects.toMatchObject({ code: 'EACCES', path: groupNode(nvme) });
  });

  test('locks no more memory than it is allowed', async () => {
    await peer.call('allocDma', 64 * KiB);
    expectKernelLog(/RLIMIT_MEMLOCK \(65536\) exceeded/);
    await expect(peer.call('allocDma', 4 * KiB)).rejects.toMatchObject({
      code: 'ENOMEM',
      hint: expect.stringMatching(/69632 bytes are needed .* 65536 are allowed/),
    });
  });
});
