// SPDX-License-Identifier: MIT
// A device that drives fewer address bits than the IOMMU translates. QEMU's edu drives 28 by default, and drops the
// bits above: an address past 256 MiB becomes one in the first 256 MiB, where other buffers of the program are.
import { expect, test } from '@jest/globals';
import { describeContract } from '../support/back-ends.js';
import { Edu } from '../support/edu.js';

const MiB = 2 ** 20;

/**
 * `VFIO_TEST_ALLOCATIONS=10000` makes ten thousand. Within 156 rounds, the allocator uses every address below 256 MiB.
 */
const rounds = Number(process.env.VFIO_TEST_ALLOCATIONS || 200);
/** The number of rounds with a transfer. edu needs a tenth of a second for each. */
const transfers = 8;

describeContract({ device: 'edu' }, 'the reach of a device', (subject) => {
  const [narrow] = subject.devices.pair;
  subject.useReady(...subject.devices.pair);

  test(`is kept by ${rounds} buffers, each written by the device, and what else is mapped stays whole`, async () => {
    await using device = await subject.openDevice(narrow, { addressBits: 28 });
    device.busMaster = true;
    const hardware = new Edu(device);
    using source = device.allocDma(4096);
    source.u8.fill(0xee);
    await hardware.load(source.iova, 64);
    using pool = await device.allocDmaAsync(100 * MiB);
    pool.u8.fill(0x11);
    for (let round = 1; round <= rounds; round++) {
      using buffer = device.allocDma(MiB);
      expect(buffer.iova + BigInt(buffer.byteLength)).toBeLessThanOrEqual(2n ** 28n);
      if (round % Math.ceil(rounds / transfers) !== 0) continue;
      await hardware.store(buffer.iova, 64);
      expect(buffer.u8.subarray(0, 65).every((byte, i) => byte === (i < 64 ? 0xee : 0))).toBe(true);
    }
    // One check at the end is enough, because a wrong byte would stay. It takes the emulated processor a second.
    expect(pool.u8.indexOf(0xee)).toBe(-1);
  });

  test('is exceeded where nobody said it, and then the device writes to other memory of the program', async () => {
    await using device = await subject.openDevice(narrow);
    device.busMaster = true;
    const hardware = new Edu(device);
    using below = device.allocDma(4096, { iova: 0x100_0000n });
    using above = device.allocDma(4096, { iova: 2n ** 28n + 0x100_0000n });
    below.u8.fill(0xee);
    await hardware.load(below.iova, 64);
    below.u8.fill(0);
    await hardware.store(above.iova, 64);
    expect([above.u8[0], below.u8[0]]).toEqual([0, 0xee]);
  });
});
