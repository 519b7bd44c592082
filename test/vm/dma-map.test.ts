// SPDX-License-Identifier: MIT
// What type1 counts for DMA memory: the bytes that it locks, and the mappings of a container.
import { beforeEach, expect, test } from '@jest/globals';
import type { Device } from '../../lib/index.js';
import { edu } from '../../vm/devices.js';
import { useDevice } from '../support/bound.js';
import { lockedMemory } from '../support/own-process.js';
import { describeOn } from '../support/subject.js';

const KiB = 2 ** 10;
const MiB = 2 ** 20;

describeOn({ backend: 'type1', device: 'edu' }, 'DMA memory', () => {
  const held = useDevice(edu);
  let device: Device;

  beforeEach(() => {
    ({ device } = held);
  });

  const counted = () => ({
    locked: lockedMemory(),
    left: device.container.info.mappingsAvailable as number,
  });

  test.each([4 * KiB, 64 * KiB, 2 * MiB, 2 * MiB + 4 * KiB, 64 * MiB])(
    'of %i bytes is locked, and one mapping, until it is closed',
    (size) => {
      const before = counted();
      const buffer = device.allocDma(size);
      expect(counted()).toEqual({ locked: before.locked + size, left: before.left - 1 });
      buffer.close();
      expect(counted()).toEqual(before);
    },
  );

  test('of 256 MiB is locked as it is mapped, on another thread too', async () => {
    using buffer = await device.allocDmaAsync(256 * MiB);
    expect(lockedMemory()).toBe(buffer.byteLength);
  });

  test.each([
    ['of more than the machine has', 2 ** 45, undefined],
    ['in the MSI window', 4096, 0xfee0_0000n],
    ['past what the IOMMU translates', 4096, 2n ** 39n],
  ])('that is refused is neither: %s', (_what, size, iova) => {
    const before = counted();
    expect(() => device.allocDma(size, { iova })).toThrow();
    expect(counted()).toEqual(before);
  });
});
