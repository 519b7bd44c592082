// SPDX-License-Identifier: MIT
// examples/registers.ts as a user runs it: as a separate program.
import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { nvme } from '../../vm/devices.js';
import { describeOn } from '../support/subject.js';

describeOn({ backend: 'type1', device: 'nvme' }, 'examples/registers.ts', () => {
  test('prints what the registers say, and gives the device back', () => {
    const output = execFileSync(process.execPath, ['dist/examples/registers.js', nvme.address]);
    expect(output.toString().split('\n')).toEqual([
      'queues of 2048 entries, ready within 7500 ms',
      'VS 0x00010400 MJR=1 MNR=4 TER=0',
      'CC 0x00000000 EN=0 SHN=none disabled',
      'the tail doorbell of queue 3 is at 0x1018',
      '',
    ]);
  });
});
