// SPDX-License-Identifier: MIT
// An NVMe controller that does not react to CC: reset() recovers it by a reset of the whole function.
import { expect, test } from '@jest/globals';
import { Controller } from '../../lib/nvme/controller.js';
import { REGISTERS } from '../../lib/nvme/registers.js';
import type { Device, Region } from '../../lib/index.js';
import { nvme } from '../../vm/devices.js';
import { useDevice } from '../support/bound.js';
import { describeOn } from '../support/subject.js';

/** The same object, with some of its properties replaced. Its methods still run on the original. */
function replacing<T extends object>(original: T, replaced: Partial<T>): T {
  return new Proxy(original, {
    get(target, key) {
      if (key in replaced) return replaced[key as keyof T];
      const value = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
    set: (target, key, value) => Reflect.set(target, key, value, target),
  });
}

describeOn({ backend: 'type1', device: 'nvme' }, 'NVMe 3.7 Resets', () => {
  const held = useDevice(nvme);

  test('a controller that ignores CC works again after reset()', async () => {
    let stuck = false;
    const { device } = held;
    device.on('reset', () => {
      stuck = false;
    });
    const bar = device.bar(0);
    const write32 = (offset: number, value: number) => {
      if (!(stuck && offset === REGISTERS.CC.at)) bar.write32(offset, value);
    };
    const ignoring: Region = replacing(bar, { write32 });
    const stand: Device = replacing(device, { bar: () => ignoring });

    await using controller = await Controller.open(stand);
    using memory = device.allocDma(4096);
    await controller.namespace().read(0, memory);
    stuck = true;
    await controller.reset();
    expect(stuck).toBe(false);
    await controller.namespace().read(0, memory);
  });
});
