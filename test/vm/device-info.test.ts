// SPDX-License-Identifier: MIT
// What the info of a device says, compared to sysfs.
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { edu, nvme, type VmDevice } from '../../vm/devices.js';
import { groupOf, useDevice } from '../support/bound.js';
import { describeOn } from '../support/subject.js';
import { sysfs } from '../support/sysfs.js';

/** The sizes of BARs 0 to 5 and the ROM, as the kernel assigned them. */
function resourceSizes(device: VmDevice): number[] {
  const lines = readFileSync(sysfs(device, 'resource'), 'utf8').split('\n').slice(0, 7);
  return lines.map((line) => {
    const [start, end] = line.split(' ').map(Number) as [number, number];
    return end === 0 ? 0 : end - start + 1;
  });
}

describeOn({ backend: 'type1', device: 'edu' }, 'the info of a device without a reset', () => {
  const held = useDevice(edu);

  test('has its group', () => {
    expect(held.device.info.group).toBe(groupOf(edu));
  });
});

describeOn({ backend: 'type1', device: 'nvme' }, 'the info of a device with MSI-X', () => {
  const held = useDevice(nvme);

  test('has its group', () => {
    expect(held.device.info.group).toBe(groupOf(nvme));
  });

  test('has BARs of the sizes that the kernel gave them', () => {
    const sizes = resourceSizes(nvme);
    const bars = held.device.info.regions.filter(({ index }) => index < 6);
    expect(bars.map(({ index, byteLength }) => [index, byteLength])).toEqual(
      sizes.slice(0, 6).flatMap((size, index) => (size > 0 ? [[index, size]] : [])),
    );
    for (const { byteLength, readable, writable } of bars) {
      expect(Math.log2(byteLength) % 1).toBe(0);
      expect([readable, writable]).toEqual([true, true]);
    }
  });

  test('has config space as large as sysfs shows it, never mapped', () => {
    const size = readFileSync(sysfs(nvme, 'config')).length;
    expect([256, 4096]).toContain(size);
    expect(held.device.config).toMatchObject({ byteLength: size, mappable: false, name: 'CONFIG' });
  });
});
