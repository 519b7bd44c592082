// SPDX-License-Identifier: MIT
// The I/O commands of the NVMe driver on QEMU's controller, each checked by a read.
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { DmaBuffer } from '../../lib/index.js';
import { Controller } from '../../lib/nvme/controller.js';
import type { Namespace } from '../../lib/nvme/namespace.js';
import { nvme } from '../../vm/devices.js';
import { useDevice } from '../support/bound.js';
import { describeOn } from '../support/subject.js';

const BLOCK = 512;
const BLOCKS = 64;
/** Where the tests write. */
const LBA = 4096;

describeOn({ backend: 'type1', device: 'nvme' }, 'NVMe', () => {
  const held = useDevice(nvme);
  let controller: Controller;
  let namespace: Namespace;
  let data: DmaBuffer;

  beforeAll(async () => {
    controller = await Controller.open(held.device);
    namespace = controller.namespace();
    data = held.device.allocDma(BLOCKS * BLOCK);
  });
  afterAll(() => controller.close());

  beforeEach(async () => {
    data.u32.forEach((_, index, words) => {
      words[index] = index * 0x9e37_79b9;
    });
    await namespace.write(LBA, data);
  });

  /** The blocks from {@link LBA} on, as they are now. */
  async function readBack(): Promise<Buffer> {
    using memory = held.device.allocDma(BLOCKS * BLOCK);
    await namespace.read(LBA, memory);
    return Buffer.from(memory.u8);
  }

  test('NVM 3.2.1 Compare: equal data succeeds, also from the middle of the memory', async () => {
    await namespace.compare(LBA, data);
    await namespace.compare(LBA + 5, data, 5 * BLOCK, 9 * BLOCK);
  });

  test('NVM 3.2.1 Compare: one bit that differs is a Compare Failure, and changes nothing', async () => {
    const before = await readBack();
    data.u8[BLOCKS * BLOCK - 1] = (data.u8.at(-1) as number) ^ 0x80;
    await expect(namespace.compare(LBA, data)).rejects.toMatchObject({
      code: 'ERR_NVME_STATUS',
      statusName: 'Compare Failure',
      message: `COMPARE of ${BLOCKS} blocks at LBA ${LBA}: Compare Failure`,
    });
    expect(Buffer.compare(await readBack(), before)).toBe(0);
  });

  test('NVM 3.2.8 Write Zeroes: exactly these blocks read as zeros', async () => {
    await namespace.writeZeroes(LBA + 3, 10);
    const expected = Buffer.from(data.u8).fill(0, 3 * BLOCK, 13 * BLOCK);
    expect(Buffer.compare(await readBack(), expected)).toBe(0);
  });

  test('NVM 3.2.8 Write Zeroes: blocks past the end are refused by the controller, too', async () => {
    await expect(namespace.writeZeroes(Number(namespace.identity.nsze) - 1, 2)).rejects.toThrow(
      'end beyond namespace 1',
    );
    const beyond = { opcode: 0x08, nsid: 1, cdw10: Number(namespace.identity.nsze), cdw12: 0 };
    await expect(controller.command(beyond)).rejects.toMatchObject({
      statusName: 'LBA Out of Range',
    });
  });

  test('NVM 3.2.3 Dataset Management: blocks outside the ranges keep their data', async () => {
    await namespace.deallocate([
      { lba: LBA + 8, blocks: 8 },
      { lba: LBA + 32, blocks: 16 },
    ]);
    const after = await readBack();
    for (const [from, to] of [
      [0, 8],
      [16, 32],
      [48, BLOCKS],
    ] as const) {
      const kept = data.u8.subarray(from * BLOCK, to * BLOCK);
      expect(Buffer.compare(after.subarray(from * BLOCK, to * BLOCK), kept)).toBe(0);
    }
  });

  test('NVM 3.2.2 Flush: after writes, and without any', async () => {
    await namespace.flush();
    await namespace.flush();
  });
});
