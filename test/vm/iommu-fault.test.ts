// SPDX-License-Identifier: MIT
// What `npm run vm` says about a wrong IOVA, from the line of this kernel.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from '@jest/globals';
import { edu } from '../../vm/devices.js';
import { findFaults } from '../../vm/iommu/faults.js';
import { reportFaults } from '../../vm/iommu/report.js';
import { readKernelLog } from '../harness/kmsg.js';
import { useDevice } from '../support/bound.js';
import { Edu } from '../support/edu.js';
import { expectKernelLog } from '../support/kernel-log.js';
import { describeOn } from '../support/subject.js';

const nowhere = 0x7_1234_0000n;

describeOn({ backend: 'type1', device: 'edu' }, 'an iommu fault', () => {
  const held = useDevice(edu);
  // Until then the kernel drops further lines, and the next test may announce one.
  afterAll(() => sleep(5000));

  /** The log of a DMA, which is tried again while the kernel logs no faults: it logs ten in five seconds. */
  async function logOf(dma: () => Promise<void>): Promise<string> {
    expectKernelLog(/DMAR/, { optional: true });
    for (let attempt = 0; attempt < 100; attempt++) {
      await dma();
      const log = readKernelLog().join('\n');
      if (findFaults(log).length > 0) return log;
    }
    throw new Error('the kernel logged no fault');
  }

  test.each(['read', 'write'] as const)('of a %s is decoded', async (access) => {
    held.device.busMaster = true;
    const hardware = new Edu(held.device);
    const dma = () =>
      access === 'read' ? hardware.load(nowhere, 64) : hardware.store(nowhere, 64);
    const [found] = findFaults(await logOf(dma));
    expect(found?.fault).toEqual({
      device: edu.address,
      access,
      iova: nowhere,
      isPage: true,
      reason: 'not-mapped',
    });
  });

  test('names the device and the nearest buffer', async () => {
    using buffer = held.device.allocDma(4096);
    held.device.busMaster = true;
    const behind = buffer.iova + 4096n;
    const log = await logOf(() => new Edu(held.device).store(behind, 64));
    const { iova, byteLength } = buffer;
    const report = reportFaults(log, [{ iova, byteLength, direction: 'both' }]);
    expect(report).toContain(`${edu.address} (edu0) tried to write the page at IOVA 0x`);
    expect(report).toContain('(4096 bytes): it ends directly before that.');
  });
});
