// SPDX-License-Identifier: MIT
// examples/nvme/main.ts as a user runs it: as a separate program.
import { execFileSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, test } from '@jest/globals';
import { nvme } from '../../vm/devices.js';
import { describeOn } from '../support/subject.js';

function run(...args: string[]): string {
  return execFileSync(process.execPath, ['dist/examples/nvme/main.js', ...args]).toString();
}

describeOn({ backend: 'type1', device: 'nvme' }, 'examples/nvme/main.ts', () => {
  test('finds the controller, identifies it, writes and reads, and gives it back', () => {
    const output = run('--write');
    expect(output).toMatch(/controller +│ 0000:01:00.0 /);
    expect(output).toMatch(/serial \(SN\) +│ vfio-nvme-0 /);
    expect(output).toMatch(/namespace 1 +│ 1024 MiB, 2097152 blocks of 512 bytes /);
    expect(output).toContain('wrote and read 1 MiB at LBA 2095104: the same\n');
    expect(output).toMatch(/^[1-9]\d* interrupts$/m);
    expect(basename(readlinkSync(`/sys/bus/pci/devices/${nvme.address}/driver`))).toBe('nvme');
  });

  test('only reads without --write', () => {
    expect(run(nvme.address)).not.toContain('wrote');
  });
});
