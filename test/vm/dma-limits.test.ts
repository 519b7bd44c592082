// SPDX-License-Identifier: MIT
// The limits on DMA memory: how much an ordinary user may lock, and how many mappings can exist.
import { chownSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { openDevice } from '../../lib/index.js';
import { edu } from '../../vm/devices.js';
import { groupNode, useBound } from '../support/bound.js';
import { expectKernelLog } from '../support/kernel-log.js';
import { lockedMemory } from '../support/own-process.js';
import { Peer } from '../support/peer.js';
import { describeOn } from '../support/subject.js';

const nobody = 65534;
const KiB = 2 ** 10;

/** The memory that a process has locked and pinned. */
function memoryOf({ pid }: Peer): string[] | null {
  return readFileSync(`/proc/${pid}/status`, 'utf8').match(/^Vm(Lck|Pin):.*$/gm);
}

describeOn({ backend: 'type1', device: 'edu' }, 'F15/ a limit', () => {
  useBound(edu);

  describe('of 64 KiB on locked memory', () => {
    let peer: Peer;
    beforeAll(async () => {
      chownSync(groupNode(edu), nobody, nobody);
      peer = new Peer({ uid: nobody, memlock: 64 });
      await peer.call('openDevice', edu.address);
    });
    afterEach(() => peer.call('freeDma'));
    afterAll(() => peer.kill());

    test('lets exactly that much be mapped', async () => {
      await peer.call('allocDma', 64 * KiB);
      expect(await peer.call('mappingsAvailable')).toBe(65534);
    });

    test('refuses more, and says what is needed and what is allowed', async () => {
      expectKernelLog(/RLIMIT_MEMLOCK \(65536\) exceeded/);
      await expect(peer.call('allocDma', 1024 * KiB)).rejects.toMatchObject({
        code: 'ENOMEM',
        request: 'VFIO_IOMMU_MAP_DMA',
        hint: expect.stringMatching(/1048576 bytes are needed .* 65536 are allowed/),
      });
      // Nothing stayed locked: the full limit is still available.
      await peer.call('allocDma', 64 * KiB);
    });

    test('counts what is locked already', async () => {
      expectKernelLog(/RLIMIT_MEMLOCK \(65536\) exceeded/);
      await peer.call('allocDma', 48 * KiB);
      await expect(peer.call('allocDma', 32 * KiB)).rejects.toMatchObject({
        code: 'ENOMEM',
        hint: expect.stringMatching(/81920 bytes are needed \(32768 more than the 49152 locked/),
      });
    });

    test('takes nothing of what it refuses, and lets what is left be had', async () => {
      expectKernelLog(/RLIMIT_MEMLOCK \(65536\) exceeded/);
      await peer.call('allocDma', 16 * KiB);
      const standing = async () => [memoryOf(peer), await peer.call('mappingsAvailable')];
      const before = await standing();
      for (const size of [1024, 52, 1024]) {
        await expect(peer.call('allocDma', size * KiB)).rejects.toMatchObject({ code: 'ENOMEM' });
      }
      expect(await standing()).toEqual(before);
      await peer.call('allocDma', 48 * KiB);
    });
  });

  test('of no reserved huge pages is none for large memory', async () => {
    expect(readFileSync('/proc/sys/vm/nr_hugepages', 'utf8').trim()).toBe('0');
    await using device = await openDevice(edu.address);
    expect(device.allocDma(64 * KiB * KiB).u8[2 ** 25]).toBe(0);
  });

  describe('of 32 mappings in a container', () => {
    // The default is 65535. To make that many mappings would take half a minute here. A container reads the limit when
    // it opens.
    const parameter = '/sys/module/vfio_iommu_type1/parameters/dma_entry_limit';
    let before: string;
    beforeEach(() => {
      before = readFileSync(parameter, 'utf8');
      writeFileSync(parameter, '32');
    });
    afterEach(() => writeFileSync(parameter, before));

    test('lets that many be made and says what to do about more', async () => {
      await using device = await openDevice(edu.address);
      const { container } = device;
      expect(container.info.mappingsAvailable).toBe(32);
      const buffers = Array.from({ length: 32 }, () => device.allocDma(4096));
      expect(container.info.mappingsAvailable).toBe(0);
      expect(() => device.allocDma(4096)).toThrow(
        expect.objectContaining({
          code: 'ENOSPC',
          request: 'VFIO_IOMMU_MAP_DMA',
          hint: expect.stringContaining('Allocate fewer, larger buffers'),
        }),
      );
      buffers[7]?.close();
      expect(container.info.mappingsAvailable).toBe(1);
      device.allocDma(2 ** 21);
    });

    test('leaves nothing locked of what it refused', async () => {
      await using device = await openDevice(edu.address);
      for (let made = 0; made < 32; made++) device.allocDma(4096);
      const locked = lockedMemory();
      for (let round = 0; round < 10; round++) {
        expect(() => device.allocDma(2 ** 21)).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
      }
      expect(lockedMemory()).toBe(locked);
    });
  });
});
