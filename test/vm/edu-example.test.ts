// SPDX-License-Identifier: MIT
// examples/edu.ts as a user runs it: as a separate program.
import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { edu } from '../../vm/devices.js';
import { describeOn } from '../support/subject.js';

describeOn({ backend: 'type1', device: 'edu' }, 'examples/edu.ts', () => {
  test('prints what the device can do, and gives it back', () => {
    const output = execFileSync(process.execPath, ['dist/examples/edu.js', edu.address]);
    expect(output.toString().split('\n')).toEqual([
      'edu at 0000:00:01.0, previous driver: none',
      'identification 0x10000ed, version 1',
      'liveness 0xedcba987: ok',
      '10! = 3628800, announced by MSI: yes',
      'DMA of 4092 bytes there and back: the same',
      'announced by MSI: yes',
      '',
    ]);
  });
});
