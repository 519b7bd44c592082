// SPDX-License-Identifier: MIT
// What the error of an interrupt that does not come says, from the registers of a fake device.
import { beforeEach, describe, expect, test } from '@jest/globals';
import { ConfigSpace } from '../../lib/config-space.js';
import type { DeviceRegisters } from '../../lib/diagnose/interrupt-timeout.js';
import { DirectMemory } from '../../lib/internal/direct-memory.js';
import { ours } from '../../lib/internal/ours.js';
import { changedHands, type Interrupt } from '../../lib/interrupt.js';
import type { InterruptType } from '../../lib/interrupts/types.js';
import { InterruptSet } from '../../lib/interrupts.js';
import { AccessFailure } from '../../lib/native.js';
import { Region } from '../../lib/region.js';
import { regionInfo } from '../../lib/region-info.js';
import {
  FakeDevice,
  FakeInterrupts,
  FakeNative,
  rejectionOf,
  thrownBy,
} from './lib-fake-native.js';

const address = '0000:01:00.0';
const on = { command: 0x04, busMaster: 0x0006, intxDisable: 0x0400, status: 0x06, intx: 0x08 };
/** The MSI-X capability, its table and its pending bits, both in BAR 0. */
const at = { capability: 0x40, control: 0x42, table: 0x2000, pending: 0x3000 };

let native: FakeNative;
let device: FakeDevice;
let interrupts: FakeInterrupts;
let config: DataView;
let bar: DataView;

beforeEach(() => {
  native = new FakeNative();
  device = new FakeDevice(address, native.log);
  native.container.devices.push(device);
  config = new DataView(device.config.buffer);
  bar = new DataView(device.bar.buffer);
  config.setUint16(on.status, 0x10, true);
  config.setUint8(0x34, at.capability);
  config.setUint16(at.capability, 0x11, true);
  config.setUint32(at.capability + 4, at.table, true);
  config.setUint32(at.capability + 8, at.pending, true);
  config.setUint16(on.command, on.busMaster, true);
});

function region<R extends Region>(
  type: new (...parts: ConstructorParameters<typeof Region>) => R,
  index: number,
  mapped: [number, number][] = [],
): R {
  const info = {
    index,
    flags: 7,
    size: 16384,
    mappable: mapped,
    ioPorts: false,
    prefetchable: false,
  };
  const facts = regionInfo({ ...info, type: undefined, subtype: undefined });
  return new type(ours, native, index, facts, address, new DirectMemory(undefined));
}

function registers(mapped: [number, number][] = [[0, 16384]]): DeviceRegisters {
  const bar0 = region(Region, 0, mapped);
  return { config: region(ConfigSpace, 7), region: () => bar0 };
}

function arm(
  type: InterruptType,
  given: DeviceRegisters | undefined = registers(),
  vector = 2,
): Interrupt {
  interrupts = new FakeInterrupts(64, []);
  const set = new InterruptSet(ours, interrupts, type, address, () => {}, given);
  return set.vector(vector);
}

function messageOf(interrupt: Interrupt): string {
  const error = thrownBy(() => interrupt.waitSync(1));
  expect(error).toMatchObject({ name: 'VfioError', code: 'ERR_VFIO_TIMEOUT', address });
  expect(error.message).toContain('See vfio/docs/errors.md#err_vfio_timeout');
  return error.message;
}

describe('a timeout of MSI-X', () => {
  const enabled = () => config.setUint16(at.control, 0x8003, true);
  const prefix = `msix vector 2 of ${address} was not raised within 1 ms (`;

  test('says what is known, and what to look at in the device', () => {
    enabled();
    const message = messageOf(arm('msix'));
    expect(message).toContain(
      `${prefix}0 interrupts so far, bus master on, MSI-X enabled, vector not masked, not pending)\n`,
    );
    expect(message).toContain("\nCheck the device's own");
  });

  test('says the same of once()', async () => {
    enabled();
    const error = await rejectionOf(arm('msix').once({ timeout: 1 }));
    expect(error.message).toContain(`${prefix}0 interrupts so far, bus master on, MSI-X enabled`);
  });

  test.each<[string, () => void, string, string]>([
    [
      'bus master that is off',
      () => config.setUint16(on.command, 0x0002, true),
      'bus master off',
      'Set `busMaster = true` on the Device, in the thread that opened it: msix interrupts are DMA writes',
    ],
    [
      'MSI-X that is disabled',
      () => config.setUint16(at.control, 3, true),
      'MSI-X disabled',
      'arm it again',
    ],
    [
      'a function mask',
      () => config.setUint16(at.control, 0xc003, true),
      'all vectors masked',
      'arm it again',
    ],
    [
      'a masked vector',
      () => bar.setUint32(at.table + 2 * 16 + 12, 1, true),
      'vector masked',
      'arm it again',
    ],
    ['a pending vector', () => bar.setUint32(at.pending, 4, true), 'not masked, pending', 'dmesg'],
    [
      'a device that does not answer',
      () => device.config.fill(0xff),
      'the device does not answer',
      'Config space reads as all ones',
    ],
  ])('names %s', (_, arrange, fact, hint) => {
    enabled();
    arrange();
    const message = messageOf(arm('msix'));
    expect(message).toContain(fact);
    expect(message).toContain(hint);
  });

  test.each([
    [31, 0, 0x8000_0000],
    [32, 4, 1],
    [40, 4, 0x100],
  ])('finds the pending bit of vector %i', (vector, word, bit) => {
    config.setUint16(at.control, 0x803f, true);
    bar.setUint32(at.pending + word, bit, true);
    expect(messageOf(arm('msix', registers(), vector))).toContain('not masked, pending)');
    bar.setUint32(at.pending + word, ~bit, true);
    expect(messageOf(arm('msix', registers(), vector))).toContain('not masked, not pending)');
  });

  test('finds the mask of vector 40', () => {
    config.setUint16(at.control, 0x803f, true);
    bar.setUint32(at.table + 40 * 16 + 12, 1, true);
    expect(messageOf(arm('msix', registers(), 40))).toContain('vector masked, not pending)');
  });

  test('does not take the table for true where it is not mapped', () => {
    enabled();
    bar.setUint32(at.table + 2 * 16 + 12, 1, true);
    expect(messageOf(arm('msix', registers([[0, 0x2000]])))).not.toContain('vector masked');
    bar.setUint32(at.table + 2 * 16 + 12, 0xffff_ffff, true);
    expect(messageOf(arm('msix'))).not.toContain('vector masked');
  });

  test('counts what arrived, and then speaks of the cause to clear', () => {
    enabled();
    const vector = arm('msix');
    interrupts.waits = [3];
    vector.waitSync(1);
    const message = messageOf(vector);
    expect(message).toContain('(3 interrupts so far, ');
    expect(message).toContain('clear that cause');
  });
});

describe('a timeout of INTx', () => {
  test('says what is known', () => {
    expect(messageOf(arm('intx'))).toContain(
      `intx vector 2 of ${address} was not raised within 1 ms (0 interrupts so far, INTx not masked, line not raised, bus master on)`,
    );
  });

  test('says that bus master is off, after what stops the interrupt itself', () => {
    config.setUint16(on.command, 0x0002, true);
    const vector = arm('intx');
    expect(messageOf(vector)).toContain('line not raised, bus master off)');
    expect(messageOf(vector)).toContain('without it, the device can do no DMA');
    vector.mask();
    expect(messageOf(vector)).toContain('Call unmask()');
  });

  test('does not call it masked by this thread after another thread had it', () => {
    const vector = arm('intx');
    vector.mask();
    changedHands(vector);
    expect(messageOf(vector)).toContain('INTx not masked');
  });

  test('says that the program masked it', () => {
    const vector = arm('intx');
    vector.mask();
    const message = messageOf(vector);
    expect(message).toContain('INTx still masked');
    expect(message).toContain('Call unmask()');
  });

  test('says that a listener is not done', async () => {
    const vector = arm('intx');
    const work = new Promise(() => {});
    vector.on(() => work);
    interrupts.raise(2);
    const error = await rejectionOf(vector.once({ timeout: 1 }));
    expect(error.message).toContain('(1 interrupt so far, INTx still masked');
    expect(error.message).toContain('has not finished');
  });

  test('does not call it masked after the library has unmasked it', () => {
    const vector = arm('intx');
    interrupts.waits = [1];
    vector.waitSync(1);
    expect(messageOf(vector)).toContain('(1 interrupt so far, INTx not masked');
  });

  test('does not call it masked after the program has unmasked it', async () => {
    const vector = arm('intx');
    vector.on(() => new Promise(() => {}));
    interrupts.raise(2);
    vector.unmask();
    const error = await rejectionOf(vector.once({ timeout: 1 }));
    expect(error.message).toContain('(1 interrupt so far, INTx not masked');
    expect(error.message).not.toContain('has not finished');
    vector.mask();
    vector.unmask();
    expect((await rejectionOf(vector.once({ timeout: 1 }))).message).toContain('INTx not masked');
  });

  test('says that the driver disabled it, and that the line is raised', () => {
    config.setUint16(on.command, on.intxDisable, true);
    expect(messageOf(arm('intx'))).toContain('Clear bit 10 of the command register');
    config.setUint16(on.command, 0, true);
    config.setUint16(on.status, 0x10 | on.intx, true);
    const message = messageOf(arm('intx'));
    expect(message).toContain('line raised');
    expect(message).toContain('The device raised it, and the kernel did not deliver it');
  });
});

test('a timeout of MSI says nothing of the bits that vfio-pci keeps for itself', () => {
  expect(messageOf(arm('msi'))).toContain('(0 interrupts so far, bus master on)\n');
});

describe('a timeout stays a timeout', () => {
  test.each(Object.entries(AccessFailure).filter(([name]) => name !== 'READ_BACK'))(
    'when the device cannot be read: %s',
    (name, failure) => {
      const vector = arm('msix');
      device.failure = failure;
      const facts: Record<string, string> = {
        LOST: ', the device is gone',
        BUSY: ', the device is being reset',
      };
      expect(messageOf(vector)).toContain(`(0 interrupts so far${facts[name] ?? ''})\n`);
    },
  );

  test.each([6, 7])('when MSI-X names BAR %i, which no device has', (index) => {
    config.setUint32(at.capability + 4, at.table + index, true);
    config.setUint32(at.capability + 8, at.pending + index, true);
    const read: number[] = [];
    const given = registers();
    const counting = (bar: number) => {
      read.push(bar);
      return given.region(bar);
    };
    expect(messageOf(arm('msix', { ...given, region: counting }))).toContain('MSI-X disabled)');
    expect(read).toEqual([]);
  });

  test('when config space is not lent', () => {
    const vector = arm('msix', { config: undefined, region: () => undefined });
    expect(messageOf(vector)).toContain('(0 interrupts so far)\n');
  });

  test('when a region is not there', () => {
    const missing = () => {
      throw new Error('no region');
    };
    const vector = arm('msix', { ...registers(), region: missing });
    expect(messageOf(vector)).toContain('(0 interrupts so far, bus master on, MSI-X disabled)');
  });
});

test('a check without a wait does not read the device', async () => {
  const vector = arm('msix');
  expect(thrownBy(() => vector.waitSync(0)).message).toContain('(0 interrupts so far)\n');
  expect((await rejectionOf(vector.once({ timeout: 0 }))).code).toBe('ERR_VFIO_TIMEOUT');
  expect(native.access).toBeUndefined();
});

describe('a timeout of poll32()', () => {
  const poll = () => region(Region, 0).poll32(0x1c, 0xff, 5, { timeout: 0 });

  beforeEach(() => {
    native.poll32 = (() => AccessFailure.NOT_YET) as never;
  });

  test('says what was awaited, and what was read last', async () => {
    bar.setUint32(0x1c, 0x1204, true);
    const error = await rejectionOf(poll());
    expect(error).toMatchObject({ code: 'ERR_VFIO_TIMEOUT', address });
    expect(error.message).toContain(
      `BAR0 of ${address} at 0x1c was not 0x5 under the mask 0xff within 0 ms (it last read as 0x1204)\n`,
    );
    expect(error.message).toContain('The device answers.');
    expect(error.message).toContain('See vfio/docs/errors.md#err_vfio_timeout');
  });

  test('says that all ones mean that nothing answers', async () => {
    bar.setUint32(0x1c, 0xffff_ffff, true);
    const { message } = await rejectionOf(poll());
    expect(message).toContain('(it last read as 0xffffffff)');
    expect(message).toContain('memory decode is off');
  });

  test('does not happen if the last read is the awaited one', async () => {
    native.poll32 = (() => {
      bar.setUint32(0x1c, 0x105, true);
      return AccessFailure.NOT_YET;
    }) as never;
    expect(await poll()).toBe(0x105);
  });

  test('is another error if the last read fails', async () => {
    native.poll32 = (() => {
      device.failure = AccessFailure.LOST;
      return AccessFailure.NOT_YET;
    }) as never;
    expect((await rejectionOf(poll())).code).toBe('ERR_VFIO_LOST');
  });
});
