// SPDX-License-Identifier: MIT
// The examples that drive a device of one kind each, as a user runs them: as separate programs.
import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { nic, rng, testdev, type VmDevice } from '../../vm/devices.js';
import { describeOn } from '../support/subject.js';

/** Runs an example, which throws if its status is not 0. */
function lines(example: string, device: VmDevice): string[] {
  const program = `dist/examples/${example}.js`;
  const output = execFileSync(process.execPath, [program, device.address], { timeout: 60_000 });
  return output.toString().trimEnd().split('\n');
}

describeOn({ backend: 'type1', device: 'virtio-rng' }, 'examples/virtio-rng.ts', () => {
  test('gets random bytes three times, each by an interrupt', () => {
    const [first, ...rest] = lines('virtio-rng', rng);
    expect(first).toBe(`virtio-rng at ${rng.address}, a queue of 8 entries`);
    const bytes = rest.map((line) => /^([0-9a-f]{32}) after [123] interrupts$/.exec(line)?.[1]);
    expect(new Set([...bytes, '00'.repeat(16)]).size).toBe(4);
  });
});

describeOn({ backend: 'type1', device: 'e1000e' }, 'examples/e1000e.ts', () => {
  test('receives the five frames that it sends', () => {
    const [first, ...rest] = lines('e1000e', nic);
    expect(first).toMatch(/^e1000e at 0000:00:06\.0, MAC 52:54:00(:[0-9a-f]{2}){3}, previous /);
    expect(rest).toEqual(
      [60, 160, 260, 360, 460].map((bytes, n) => `frame ${n} of ${bytes} bytes: the same`),
    );
  });
});

describeOn({ backend: 'type1', device: 'pci-testdev' }, 'examples/pci-testdev.ts', () => {
  test('makes as many writes as the device counts, in memory and in I/O ports', () => {
    expect(lines('pci-testdev', testdev).map((line) => line.replace(/, \d+ ns/, ''))).toEqual([
      `pci-testdev at ${testdev.address}`,
      'BAR0 (memory), mmio-no-eventfd: 1000 of 1000 writes each',
      'BAR1 (I/O ports), portio-no-eventfd: 1000 of 1000 writes each',
    ]);
  });
});
