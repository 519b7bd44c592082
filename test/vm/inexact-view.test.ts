// SPDX-License-Identifier: MIT
// Views of a prefetchable BAR: the shared memory of ivshmem.
import { expect, test } from '@jest/globals';
import { ivshmem } from '../../vm/devices.js';
import { useDevice } from '../support/bound.js';
import { command } from '../support/command-register.js';
import { describeOn } from '../support/subject.js';

describeOn({ backend: 'type1', device: 'ivshmem' }, 'a view of prefetchable memory', () => {
  const held = useDevice(ivshmem);
  const shared = 2;

  test('is of the BAR whose register says prefetchable, and of no other', () => {
    const regions = held.device.info.regions.filter(({ prefetchable }) => prefetchable);
    expect(regions.map(({ name, byteLength }) => `${name} ${byteLength}`)).toEqual([
      'BAR2 1048576',
    ]);
    expect(() => held.device.bar(0).inexactView()).toThrow(
      expect.objectContaining({ code: 'ERR_VFIO_UNSUPPORTED' }),
    );
  });

  test('shows what the accessors write, and they read what it writes', () => {
    const bar = held.device.bar(shared);
    const view = bar.inexactView();
    bar.write32(0xf_fffc, 0x0403_0201);
    expect([...view.subarray(0xf_fffc)]).toEqual([1, 2, 3, 4]);
    view.set([5, 6, 7, 8], 0x8_0001);
    expect(bar.read32(0x8_0000)).toBe(0x0706_0500);
  });

  test('F2/ reads 0 without memory decode, loses writes, and comes back with it', () => {
    const { device } = held;
    const view = device.bar(shared).inexactView(0x1000, 0x1000);
    view.fill(1);
    const on = device.config.command;
    device.config.command = on & ~command.memory;
    expect(view[0xfff]).toBe(0);
    view.fill(2);
    device.config.command = on;
    expect([view[0], view[0xfff]]).toEqual([1, 1]);
  });

  test('F3/ of a closed device reads 0', async () => {
    const view = held.device.bar(shared).inexactView();
    view.fill(1);
    await held.device.close();
    expect(view[0]).toBe(0);
    view.fill(2);
    await held.reopen();
    expect(held.device.bar(shared).read8(0)).toBe(1);
  });
});
