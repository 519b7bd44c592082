// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import {
  DEMO_BYTES,
  firstDifference,
  isZero,
  PIECE_BYTES,
  seededPieces,
} from '../../examples/nvme/demo-data.js';
import { type DemoStep, differ, summary } from '../../examples/nvme/demo-report.js';
import { testController } from '../../examples/nvme/demo-step.js';

function dataOf(seed: number): Buffer {
  return Buffer.concat([...seededPieces(seed)]);
}

describe('the data of the demo', () => {
  const data = dataOf(1);

  test('is 64 MiB and the same for the same seed', () => {
    expect(data.length).toBe(DEMO_BYTES);
    expect(createHash('sha256').update(data).digest('hex')).toBe(
      'cb43da824d2070e6c52e67017a90e4b71b41acae05b6d76b68da8e6c93778ec6',
    );
  });

  test('is another for another seed', () => {
    const [first] = seededPieces(2);
    expect(first?.equals(data.subarray(0, PIECE_BYTES))).toBe(false);
  });

  test('does not repeat itself', () => {
    expect(data.subarray(0, PIECE_BYTES).equals(data.subarray(PIECE_BYTES, 2 * PIECE_BYTES))).toBe(
      false,
    );
  });

  test('differs first where a byte was changed', () => {
    const changed = Buffer.from(data);
    expect(firstDifference(1, changed)).toBeUndefined();
    for (const at of [DEMO_BYTES - 1, PIECE_BYTES + 5, 0]) {
      changed[at] = (changed[at] as number) ^ 0x10;
      expect(firstDifference(1, changed)).toBe(at);
    }
  });
});

test('memory is zero when every byte is', () => {
  const memory = new Uint8Array(2 * PIECE_BYTES);
  expect(isZero(memory)).toBe(true);
  memory[memory.length - 1] = 1;
  expect(isZero(memory)).toBe(false);
});

test('outside the test machine no controller is taken unasked', async () => {
  await expect(testController()).rejects.toThrow('--address');
});

test('data differs when both processes have reported and their hashes are not the same', () => {
  const step = { bytes: 0, seconds: 1, interrupts: 1, kernel: '', driver: '', group: 2 };
  const written: DemoStep = { ...step, step: 'write', sha256: 'a' };
  const read: DemoStep = { ...step, step: 'read', sha256: 'a' };
  expect(differ([])).toBe(false);
  expect(differ([written])).toBe(false);
  expect(differ([written, read])).toBe(false);
  expect(differ([written, { ...read, sha256: 'b' }])).toBe(true);
});

test('the summary adds the interrupts and says what drove the device', () => {
  const step = { bytes: DEMO_BYTES, sha256: '', kernel: '7.3.4', driver: 'vfio-pci', group: 2 };
  const steps: DemoStep[] = [
    { ...step, step: 'write', seconds: 2, interrupts: 40 },
    { ...step, step: 'read', seconds: 0.5, interrupts: 30 },
  ];
  expect(summary(steps)).toEqual([
    'interrupts 70',
    'kernel 7.3.4 driver vfio-pci group 2',
    'write: 64 MiB in 2.00 s, 32.0 MiB/s',
    'read: 64 MiB in 0.50 s, 128.0 MiB/s',
  ]);
});
