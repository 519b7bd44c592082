// SPDX-License-Identifier: MIT
// Interrupt vectors of edu (INTx, MSI) and of an NVMe controller (MSI-X): arming, limits, and delivery. `trigger()`
// raises them without the device; edu also raises them itself.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Device, Interrupt, InterruptSet } from '../../lib/index.js';
import { describeContract } from '../support/back-ends.js';
import { Edu } from '../support/edu.js';
import { openDescriptors } from '../support/own-process.js';
import { until } from '../support/until.js';

const closed = { code: 'ERR_VFIO_CLOSED' };

/** Waits long enough for an unwanted interrupt to arrive. */
const quiet = () => sleep(50);

describeContract({ device: 'edu' }, 'interrupts', (subject) => {
  const { edu } = subject.devices;
  const held = subject.useDevice(edu);
  let device: Device;
  let hardware: Edu;

  beforeEach(() => {
    ({ device } = held);
    hardware = new Edu(device);
    device.busMaster = true;
  });
  afterEach(() => {
    hardware.acknowledge();
  });

  describe.each(['intx', 'msi'] as const)('by %s', (type) => {
    test('can be armed, triggered by the kernel and disarmed, again and again', async () => {
      for (let round = 0; round < 3; round++) {
        const set = device.enableInterrupts(type);
        expect([set.type, set.count, set.closed]).toEqual([type, 1, false]);
        const vector = set.vector(0);
        const arrived = vector.once({ timeout: 5000 });
        vector.trigger();
        expect(await arrived).toBe(1);
        expect(vector.count).toBe(1);
        set.close();
        expect(set.closed).toBe(true);
      }
    });

    test('arrive neither before they are raised nor after they are closed', async () => {
      const set = device.enableInterrupts(type);
      const vector = set.vector(0);
      let count = 0;
      vector.on((raised) => {
        count += raised;
      });
      await quiet();
      expect(count).toBe(0);
      set.close();
      hardware.raise(1);
      await quiet();
      expect(count).toBe(0);
      expect(hardware.acknowledge()).toBe(1);
    });

    test('wait for a listener', async () => {
      using set = device.enableInterrupts(type);
      set.vector(0).trigger();
      await quiet();
      expect(await set.vector(0).once({ timeout: 5000 })).toBe(1);
    });

    test('can be waited for with a limit', async () => {
      using set = device.enableInterrupts(type);
      await expect(set.vector(0).once({ timeout: 20 })).rejects.toMatchObject({
        code: 'ERR_VFIO_TIMEOUT',
      });
      const abort = AbortSignal.abort(new Error('enough'));
      await expect(set.vector(0).once({ signal: abort })).rejects.toThrow('enough');
    });

    test('can be waited for while the event loop stands still', () => {
      using set = device.enableInterrupts(type);
      const vector = set.vector(0);
      for (let round = 0; round < 3; round++) {
        hardware.raise(1);
        expect(vector.waitSync(5000)).toBe(1);
        expect(hardware.acknowledge()).toBe(1);
      }
      const timeout = expect.objectContaining({ code: 'ERR_VFIO_TIMEOUT' });
      expect(() => vector.waitSync(20)).toThrow(timeout);
    });

    test('can be iterated over', async () => {
      using set = device.enableInterrupts(type);
      const vector = set.vector(0);
      let seen = 0;
      vector.trigger();
      for await (const count of vector) {
        expect(count).toBe(1);
        if (++seen === 3) break;
        vector.trigger();
      }
      expect(seen).toBe(3);
    });

    test('end with an error for who waits when they are closed', async () => {
      const set = device.enableInterrupts(type);
      const vector = set.vector(0);
      const waiting = vector.once();
      set.close();
      await expect(waiting).rejects.toMatchObject(closed);
      for (const use of [
        () => vector.trigger(),
        () => vector.on(() => {}),
        () => set.vector(0),
        () => vector[Symbol.asyncIterator](),
      ]) {
        expect(use).toThrow(expect.objectContaining(closed));
      }
      await expect(vector.once()).rejects.toMatchObject(closed);
      set.close();
    });

    test('are refused while a set is armed', () => {
      using set = device.enableInterrupts(type);
      for (const other of ['intx', 'msi'] as const) {
        expect(() => device.enableInterrupts(other)).toThrow(
          expect.objectContaining({
            code: 'ERR_VFIO_BUSY',
            message: expect.stringContaining(`armed InterruptSet already, with 1 ${type} vector`),
          }),
        );
      }
      expect(set.closed).toBe(false);
    });

    test('take no descriptor with them', async () => {
      await quiet();
      const before = openDescriptors().length;
      for (let round = 0; round < 5; round++) {
        const set = device.enableInterrupts(type);
        set.vector(0).on(() => {});
        set.close();
      }
      await until(() => openDescriptors().length === before, 'their descriptors are closed');
    });

    test.each([2, 33, 2 ** 31])('are refused for %i vectors', (count) => {
      expect(() => device.enableInterrupts(type, { count })).toThrow(
        expect.objectContaining({
          code: 'ERR_VFIO_RANGE',
          message: expect.stringContaining(`has 1 ${type} vector, but count is ${count}`),
        }),
      );
    });

    test.each([0, -1, 1.5, Number.NaN, 2 ** 53])('are refused for a count of %d', (count) => {
      expect(() => device.enableInterrupts(type, { count })).toThrow(
        expect.objectContaining({ code: 'ERR_VFIO_RANGE' }),
      );
    });
  });

  test('switch from one type to another when the first is closed', async () => {
    for (const type of ['intx', 'msi', 'intx', 'msi'] as const) {
      using set = device.enableInterrupts(type);
      const arrived = new Promise<number>((resolve) => {
        set.vector(0).on(() => resolve(hardware.acknowledge()));
      });
      hardware.raise(0x10);
      expect(await arrived).toBe(0x10);
    }
  });

  test('of a type the device has not are refused', () => {
    expect(() => device.enableInterrupts('msix')).toThrow(
      expect.objectContaining({ code: 'ERR_VFIO_UNSUPPORTED', address: edu.address }),
    );
    expect(() => device.enableInterrupts('irq' as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
    );
  });

  describe('by intx', () => {
    /** Arms INTx and calls the listener at each interrupt. */
    async function withListener(
      listener: (raised: number) => unknown,
      use: (vector: Interrupt) => Promise<void>,
    ): Promise<void> {
      using set = device.enableInterrupts('intx');
      await use(set.vector(0).on(listener));
    }

    test('need no bus master', async () => {
      device.busMaster = false;
      let seen = 0;
      await withListener(
        () => {
          seen = hardware.acknowledge();
        },
        async () => {
          hardware.raise(4);
          await until(() => seen === 4, 'the interrupt arrives');
        },
      );
    });

    test('are masked until the listener is done', async () => {
      let calls = 0;
      let done = () => {};
      const working = () => {
        calls++;
        return new Promise<void>((resolve) => {
          done = resolve;
        });
      };
      await withListener(working, async () => {
        // The interrupt is not acknowledged, so the line stays up: an unmasked level interrupt would arrive again and
        // again.
        hardware.raise(1);
        await until(() => calls === 1, 'the interrupt arrives');
        await quiet();
        expect(calls).toBe(1);
        done();
        await until(() => calls === 2, 'it arrives again, because the line is still up');
        await quiet();
        expect(calls).toBe(2);
        hardware.acknowledge();
        done();
        await quiet();
        expect(calls).toBe(2);
        hardware.raise(2);
        await until(() => calls === 3, 'the next one arrives');
      });
    });

    test('stay masked when they are masked, and come when they are unmasked', async () => {
      let calls = 0;
      const serve = () => {
        calls++;
        hardware.acknowledge();
      };
      await withListener(serve, async (vector) => {
        vector.mask();
        hardware.raise(1);
        await quiet();
        expect(calls).toBe(0);
        vector.unmask();
        await until(() => calls === 1, 'the interrupt arrives');
      });
    });

    test('that nobody raises do not come from unmasking', async () => {
      let calls = 0;
      await withListener(
        () => calls++,
        async (vector) => {
          for (let round = 0; round < 10; round++) vector.unmask();
          await quiet();
          expect(calls).toBe(0);
        },
      );
    });
  });

  describe('by msi', () => {
    test('are refused while bus master is off, with what to do', () => {
      device.busMaster = false;
      expect(() => device.enableInterrupts('msi')).toThrow(
        expect.objectContaining({
          code: 'ERR_VFIO_BUS_MASTER',
          address: edu.address,
          hint: expect.stringContaining('device.busMaster = true'),
        }),
      );
    });

    test('cannot be masked', () => {
      using set = device.enableInterrupts('msi');
      const unsupported = expect.objectContaining({ code: 'ERR_VFIO_UNSUPPORTED' });
      expect(() => set.vector(0).mask()).toThrow(unsupported);
      expect(() => set.vector(0).unmask()).toThrow(unsupported);
    });

    test('that come faster than the loop turns add up', async () => {
      using set = device.enableInterrupts('msi');
      const vector = set.vector(0);
      const counts: number[] = [];
      vector.on((count) => counts.push(count));
      for (let i = 0; i < 1000; i++) vector.trigger();
      await until(() => vector.count === 1000, 'all of them arrived');
      expect(counts.reduce((sum, count) => sum + count)).toBe(1000);
      expect(counts.length).toBeLessThan(10);
    });

    test.each<[string, (vector: Interrupt, arrived: (count: number) => boolean) => unknown]>([
      ['a listener', (vector, arrived) => vector.on(arrived)],
      [
        'an iteration',
        async (vector, arrived) => {
          for await (const count of vector) if (arrived(count)) break;
        },
      ],
      [
        'once() in a row',
        async (vector, arrived) => {
          while (!arrived(await vector.once()));
        },
      ],
    ])('a hundred thousand of them are all counted by %s', async (_, consume) => {
      using set = device.enableInterrupts('msi');
      const vector = set.vector(0);
      const times = 100_000;
      let sum = 0;
      consume(vector, (count) => {
        sum += count;
        return sum >= times;
      });
      for (let i = 1; i <= times; i++) {
        vector.trigger();
        if (i % 1000 === 0) await new Promise(setImmediate);
      }
      await until(() => sum === times, 'all of them arrived');
      expect(vector.count).toBe(times);
    });

    test('a hundred thousand of them are all counted by waitSync()', () => {
      using set = device.enableInterrupts('msi');
      const vector = set.vector(0);
      let sum = 0;
      for (let i = 1; i <= 100_000; i++) {
        vector.trigger();
        if (i % 100 === 0) sum += vector.waitSync(5000);
      }
      expect(sum).toBe(100_000);
    });

    test('reach every listener, and none that left', async () => {
      using set = device.enableInterrupts('msi');
      const vector = set.vector(0);
      const counts = [0, 0, 0];
      const [first, second, third] = counts.map((_, index) => (raised: number) => {
        counts[index] = (counts[index] ?? 0) + raised;
      }) as [() => void, () => void, () => void];
      vector.on(first).on(second).on(third).on(third).off(second);
      vector.trigger();
      await until(() => vector.count === 1, 'it arrived');
      expect(counts).toEqual([1, 0, 1]);
    });
  });
});

describeContract({ device: 'nvme' }, 'interrupts by msix', (subject) => {
  const { nvme } = subject.devices;
  const held = subject.useDevice(nvme);
  const vectors = 65;
  let device: Device;

  beforeEach(() => {
    ({ device } = held);
    device.busMaster = true;
  });

  /** Triggers each vector once, the last one first. Returns the count of each. */
  async function triggerAll(set: InterruptSet): Promise<number[]> {
    const all = Array.from({ length: set.count }, (_, index) => set.vector(index));
    for (const vector of all) vector.on(() => {});
    for (const vector of [...all].reverse()) vector.trigger();
    await until(() => all.every(({ count }) => count > 0), 'all of them arrived');
    return all.map(({ count }) => count);
  }

  test.each([1, 2, 16, vectors])('%i of them can be armed, each for itself', async (count) => {
    using set = device.enableInterrupts('msix', { count });
    expect(set.count).toBe(count);
    expect(await triggerAll(set)).toEqual(Array(count).fill(1));
  });

  test('arrive at the vector that was raised and at no other', async () => {
    using set = device.enableInterrupts('msix', { count: 8 });
    const all = Array.from({ length: 8 }, (_, index) => set.vector(index).on(() => {}));
    for (const raised of [5, 0, 7, 5]) {
      const arrived = set.vector(raised).once({ timeout: 5000 });
      set.vector(raised).trigger();
      await arrived;
    }
    expect(all.map(({ count }) => count)).toEqual([1, 0, 0, 0, 0, 2, 0, 1]);
    expect(set.vector(5)).toBe(all[5]);
  });

  test('can be armed anew with more and with fewer', async () => {
    for (const count of [3, 65, 1, 16]) {
      using set = device.enableInterrupts('msix', { count });
      expect(await triggerAll(set)).toEqual(Array(count).fill(1));
    }
  });

  test('are refused beyond what the device has', () => {
    expect(() => device.enableInterrupts('msix', { count: vectors + 1 })).toThrow(
      expect.objectContaining({
        code: 'ERR_VFIO_RANGE',
        message: expect.stringContaining('has 65 msix vectors, but count is 66'),
      }),
    );
  });

  test.each([-1, 4, 1.5, Number.NaN])('have no vector %d in a set of four', (index) => {
    using set = device.enableInterrupts('msix', { count: 4 });
    expect(() => set.vector(index)).toThrow(expect.objectContaining({ code: 'ERR_VFIO_RANGE' }));
  });

  test('are refused while bus master is off', () => {
    device.busMaster = false;
    expect(() => device.enableInterrupts('msix')).toThrow(
      expect.objectContaining({
        code: 'ERR_VFIO_BUS_MASTER',
        hint: expect.stringContaining('device.busMaster = true'),
      }),
    );
  });

  test('and INTx take turns', async () => {
    for (const type of ['msix', 'intx', 'msix'] as const) {
      using set = device.enableInterrupts(type);
      expect(await triggerAll(set)).toEqual([1]);
    }
  });

  test('are disarmed by close, and their descriptors are gone', async () => {
    await held.reopen();
    held.device.bar(0).read32(0);
    held.device.busMaster = true;
    await quiet();
    const before = openDescriptors().length;
    const set = held.device.enableInterrupts('msix', { count: vectors });
    expect(openDescriptors().length).toBe(before + vectors);
    for (let index = 0; index < vectors; index++) set.vector(index).on(() => {});
    set.close();
    await until(() => openDescriptors().length === before, 'the descriptors of the set are closed');
  });

  test('of a type the device has not are refused', () => {
    expect(() => device.enableInterrupts('msi')).toThrow(
      expect.objectContaining({ code: 'ERR_VFIO_UNSUPPORTED', address: nvme.address }),
    );
  });
});
