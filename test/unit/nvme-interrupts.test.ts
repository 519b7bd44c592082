// SPDX-License-Identifier: MIT
import { describe, expect, test } from '@jest/globals';
import { type InterruptInfo, type InterruptSet, type InterruptType, VfioError } from 'vfio';
import { armVectors } from '../../lib/nvme/interrupts.js';

/** A device with this number of vectors of each type. The host can arm at most `spare` of them. */
function deviceWith(counts: Partial<Record<InterruptType, number>>, spare = 2) {
  return {
    address: '0000:01:00.0',
    interruptInfo: (type: InterruptType) => ({ count: counts[type] ?? 0 }) as InterruptInfo,
    enableInterrupts(type: InterruptType, { count = 1 } = {}) {
      if (count > spare) throw new VfioError('ERR_VFIO_UNSUPPORTED', `only ${spare}`);
      return { type, count } as InterruptSet;
    },
  };
}

describe('the vectors of a controller', () => {
  test.each([
    [{ msix: 65, msi: 32, intx: 1 }, 'msix', 2],
    [{ msi: 32, intx: 1 }, 'msi', 2],
    [{ msix: 1 }, 'msix', 1],
    [{ intx: 1 }, 'intx', 1],
  ] as const)('of %j are %s × %d', (counts, type, count) => {
    expect(armVectors(deviceWith(counts))).toEqual({ type, count });
  });

  test('are of the type that is wanted', () => {
    expect(armVectors(deviceWith({ msix: 65, msi: 32 }), 'msi').type).toBe('msi');
  });

  test('are one where the host has no more', () => {
    expect(armVectors(deviceWith({ msi: 32 }, 1))).toEqual({ type: 'msi', count: 1 });
    const unsupported = { code: 'ERR_VFIO_UNSUPPORTED' };
    expect(() => armVectors(deviceWith({ msi: 32 }, 0))).toThrow(
      expect.objectContaining(unsupported),
    );
  });

  test.each([
    [{}, undefined, 'has no interrupts (msix, msi, intx)'],
    [{ intx: 1 }, 'msi', 'has no msi'],
  ] as const)('of %j, %s wanted, are refused in words', (counts, wanted, message) => {
    const expected = {
      code: 'ERR_NVME_UNSUPPORTED',
      message: expect.stringContaining(message),
    };
    expect(() => armVectors(deviceWith(counts), wanted)).toThrow(expect.objectContaining(expected));
  });
});
