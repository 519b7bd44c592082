// SPDX-License-Identifier: MIT
import { describe, expect, test } from '@jest/globals';
import { isSuspicious, judgeKernelLog, since } from '../harness/kernel-log.js';

describe('the kernel log gate', () => {
  test.each([
    'DMAR: DRHD: handling fault status reg 2',
    'DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0x100000 [fault reason 0x06]',
    'DMAR: [INTR-REMAP] Request device [00:01.0] fault index 0x0',
    'BUG: kernel NULL pointer dereference, address: 0000000000000008',
    'Oops: 0000 [#1] PREEMPT SMP',
    'WARNING: CPU: 1 PID: 99 at drivers/vfio/vfio_main.c:123 vfio_x+0x1/0x2',
    'Call Trace:',
    'vfio_pin_pages_remote: RLIMIT_MEMLOCK (8388608) exceeded',
    'vfio-pci 0000:01:00.0: Device is currently in use, task "node" (88) blocked until device is released',
  ])('stops at: %s', (line) => {
    expect(judgeKernelLog([line], [])).toContain(line);
  });

  test.each([
    'DMAR: Intel(R) Virtualization Technology for Directed I/O',
    'vfio-pci 0000:01:00.0: enabling device (0000 -> 0002)',
    'overlayfs: failed to set xattr on upper',
    'pcieport 0000:00:02.0: pciehp: Slot(1): Link Down',
  ])('lets pass: %s', (line) => {
    expect(isSuspicious(line)).toBe(false);
  });

  test('lets an announced line pass, and no other', () => {
    const announced = [{ pattern: /fault addr 0x1000/, optional: false }];
    expect(judgeKernelLog(['DMAR: fault addr 0x1000'], announced)).toBeUndefined();
    expect(judgeKernelLog(['DMAR: fault addr 0x1000', 'BUG: x'], announced)).toContain('BUG: x');
  });

  test('misses an announced line that did not come, unless it is optional', () => {
    expect(judgeKernelLog([], [{ pattern: /x/, optional: false }])).toContain('did not log');
    expect(judgeKernelLog([], [{ pattern: /x/, optional: true }])).toBeUndefined();
  });
});

test('the log since a time has the lines after it, and those without a time', () => {
  expect(since(5, ['[    1.0] a', '[    4.5] b', '[    6.0] c', 'panic'])).toEqual([
    '[    4.5] b',
    '[    6.0] c',
    'panic',
  ]);
});
