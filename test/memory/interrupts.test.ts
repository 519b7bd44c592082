// SPDX-License-Identifier: MIT
// MSI and MSI-X: arming, counts, listeners, waiting and iterating. test/memory/intx.test.ts tests INTx. test/process/
// tests what keeps the process alive, and handlers that throw.
import { getEventListeners } from 'node:events';
import { constants } from 'node:os';
import { afterAll, afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { type Device, type InterruptSet, openDevice } from '../../lib/index.js';
import { syscalls, useMachine } from '../../tools/testing-addon.js';
import { turn } from '../support/turn.js';
import { until } from '../support/until.js';
import { badIntegers, expectNothingOpen, notNumbers, withCode } from './support.js';

const address = '0000:08:00.0';
const scarce = '0000:08:01.0';
const plain = '0000:08:02.0';
const lossy = '0000:08:03.0';
const machine = useMachine(
  { address, group: 80, msi: 4, msix: 16 },
  { address: scarce, group: 81, msix: 8, vectorsToSpare: 3 },
  { address: plain, group: 82, intx: 0 },
  { address: lossy, group: 83, msix: 1 },
);
const hardware = machine.device(address);
const index = { intx: 0, msi: 1, msix: 2 };

let device: Device;

beforeEach(async () => {
  device = await openDevice(address);
  device.busMaster = true;
});
afterEach(() => device.close());
afterAll(() => expectNothingOpen(machine, address, scarce, plain));

/** Lets the device raise a vector `times` times. */
function raise(vector: number, times = 1, type: 'msi' | 'msix' = 'msix'): void {
  for (let i = 0; i < times; i++) expect(hardware.raise(index[type], vector)).toBe(true);
}

describe('arming', () => {
  test.each([
    ['msi', 4],
    ['msix', 16],
  ] as const)('%s gives every vector the device has an eventfd of its own', (type, count) => {
    const set = device.enableInterrupts(type, { count });
    expect([set.type, set.count, set.closed]).toEqual([type, count, false]);
    expect(hardware.counts().eventfds).toBe(count);
    set.close();
    expect(hardware.counts().eventfds).toBe(0);
  });

  test('is for one set at a time', () => {
    const set = device.enableInterrupts('msix', { count: 2 });
    const busy = withCode('ERR_VFIO_BUSY', { address });
    expect(() => device.enableInterrupts('msix')).toThrow(busy);
    expect(() => device.enableInterrupts('intx')).toThrow(busy);
    expect(hardware.counts().eventfds).toBe(2);
    set.close();
    device.enableInterrupts('msi');
  });

  test('is refused for more vectors than there are', () => {
    const tooMany = withCode('ERR_VFIO_RANGE');
    expect(() => device.enableInterrupts('msix', { count: 17 })).toThrow(tooMany);
    expect(() => device.enableInterrupts('msi', { count: 5 })).toThrow(tooMany);
    expect(hardware.counts().eventfds).toBe(0);
  });

  test('is refused for more vectors than the host can spare, with how many those are', async () => {
    await using poor = await openDevice(scarce);
    poor.busMaster = true;
    const refused = { message: expect.stringContaining('only 3 of 4') };
    expect(() => poor.enableInterrupts('msix', { count: 4 })).toThrow(
      withCode('ERR_VFIO_UNSUPPORTED', refused),
    );
    expect(machine.device(scarce).counts().eventfds).toBe(0);
    expect(poor.enableInterrupts('msix', { count: 3 }).count).toBe(3);
  });

  test('is refused where the device has none of the kind', async () => {
    await using bare = await openDevice(plain);
    bare.busMaster = true;
    for (const type of ['intx', 'msi', 'msix'] as const) {
      expect(() => bare.enableInterrupts(type)).toThrow(withCode('ERR_VFIO_UNSUPPORTED'));
    }
  });

  test('is refused for a kind or count that is none', () => {
    expect(() => device.enableInterrupts('MSI' as never)).toThrow(
      withCode('ERR_INVALID_ARG_VALUE'),
    );
    for (const wrong of [undefined, null, 2, {}, ['msi']]) {
      expect(() => device.enableInterrupts(wrong as never)).toThrow(
        withCode('ERR_INVALID_ARG_TYPE'),
      );
    }
    for (const count of [0, ...badIntegers]) {
      expect(() => device.enableInterrupts('msix', { count })).toThrow(withCode('ERR_VFIO_RANGE'));
    }
    for (const [, count] of notNumbers.filter(([, value]) => value !== undefined)) {
      expect(() => device.enableInterrupts('msix', { count: count as never })).toThrow(
        withCode('ERR_INVALID_ARG_TYPE'),
      );
    }
    expect(() => device.enableInterrupts('msix', { vectors: 2 } as never)).toThrow(
      withCode('ERR_INVALID_ARG_VALUE'),
    );
    expect(hardware.counts().eventfds).toBe(0);
  });

  test('that runs out of descriptors on the way leaves none behind', () => {
    syscalls().fail(9, constants.errno.EMFILE, 'eventfd');
    const failure = withCode('EMFILE', { syscall: 'eventfd' });
    expect(() => device.enableInterrupts('msix', { count: 16 })).toThrow(failure);
    expect(hardware.counts().eventfds).toBe(0);
    device.enableInterrupts('msix', { count: 16 });
  });

  test('and disarming can go on for ever', () => {
    for (let i = 0; i < 200; i++) device.enableInterrupts('msix', { count: 16 }).close();
    expect(hardware.counts().eventfds).toBe(0);
  });
});

describe('a vector', () => {
  let set: InterruptSet;

  beforeEach(() => {
    set = device.enableInterrupts('msix', { count: 4 });
  });

  test('is the same object every time, and one of as many as were armed', () => {
    expect(set.vector(3)).toBe(set.vector(3));
    for (const wrong of [4, ...badIntegers]) {
      expect(() => set.vector(wrong)).toThrow(withCode('ERR_VFIO_RANGE'));
    }
    for (const [, wrong] of notNumbers) {
      expect(() => set.vector(wrong as never)).toThrow(withCode('ERR_INVALID_ARG_TYPE'));
    }
  });

  test('calls its listener and no other', async () => {
    const heard: number[][] = [[], []];
    set.vector(1).on((count) => heard[0]?.push(count));
    set.vector(2).on((count) => heard[1]?.push(count));
    raise(2);
    await until(() => set.vector(2).count === 1);
    expect(heard).toEqual([[], [1]]);
  });

  test('gives what was raised since the last call as one count', async () => {
    const counts: number[] = [];
    set.vector(0).on((count) => counts.push(count));
    raise(0, 1000);
    await until(() => counts.length > 0);
    raise(0, 2);
    await until(() => counts.length > 1);
    expect(counts).toEqual([1000, 2]);
    expect(set.vector(0).count).toBe(1002);
  });

  test('keeps what arrives while nobody listens for the first who does', async () => {
    raise(0, 3);
    await turn();
    expect(await set.vector(0).once()).toBe(3);
  });

  test('loses none of a storm, and lets the loop turn', async () => {
    const vector = set.vector(0);
    vector.on(() => {});
    let turns = 0;
    for (let burst = 0; burst < 50; burst++) {
      raise(0, 100);
      await turn();
      turns++;
    }
    await until(() => vector.count === 5000);
    expect(turns).toBe(50);
  });

  test('calls all listeners, each once, in the order they came', async () => {
    const calls: string[] = [];
    const first = () => calls.push('first');
    const second = () => calls.push('second');
    set.vector(0).on(first).on(second).on(first);
    raise(0);
    await until(() => calls.length > 0);
    set.vector(0).off(first);
    raise(0);
    await until(() => calls.length > 2);
    expect(calls).toEqual(['first', 'second', 'second']);
  });

  test('does not call a listener that left, and keeps its counts for the next', async () => {
    const heard = jest.fn();
    set.vector(0).on(heard).off(heard);
    raise(0, 5);
    await turn();
    await turn();
    expect(heard).not.toHaveBeenCalled();
    expect(await set.vector(0).once()).toBe(5);
  });

  test('takes functions only', () => {
    for (const wrong of [undefined, null, {}, 'x', 1]) {
      expect(() => set.vector(0).on(wrong as never)).toThrow(withCode('ERR_INVALID_ARG_TYPE'));
    }
  });

  test('can be raised by the kernel without the device', async () => {
    device.busMaster = false;
    set.vector(3).trigger();
    expect(await set.vector(3).once()).toBe(1);
  });

  test('stays silent while bus master is off', async () => {
    device.busMaster = false;
    expect(hardware.raise(index.msix, 0)).toBe(false);
    await expect(set.vector(0).once({ timeout: 1 })).rejects.toEqual(withCode('ERR_VFIO_TIMEOUT'));
  });

  describe('once', () => {
    test('gives the next count to everyone who waits', async () => {
      const waiting = Promise.all([set.vector(0).once(), set.vector(0).once()]);
      raise(0, 2);
      expect(await waiting).toEqual([2, 2]);
    });

    test('rejects when its time is up, and takes no count', async () => {
      const timeout = withCode('ERR_VFIO_TIMEOUT');
      await expect(set.vector(0).once({ timeout: 1 })).rejects.toEqual(timeout);
      raise(0);
      expect(await set.vector(0).once({ timeout: 5000 })).toBe(1);
    });

    test('after a blocked event loop, gives what arrived in time', async () => {
      await new Promise(setImmediate); // the next phase of the loop is that of timers
      const waiting = set.vector(0).once({ timeout: 20 });
      raise(0);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60);
      expect(await waiting).toBe(1);
    });

    test('that is aborted after its time was up in a blocked event loop rejects once', async () => {
      const abort = new AbortController();
      const waiting = set.vector(0).once({ timeout: 1, signal: abort.signal });
      setTimeout(() => abort.abort(), 1);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
      expect(await waiting.catch((reason) => reason)).toBe(abort.signal.reason);
      // Nothing looks for the state of the interrupt any longer.
      const reads = jest.spyOn(device.config, 'read16');
      await new Promise(setImmediate);
      expect(reads).not.toHaveBeenCalled();
      reads.mockRestore();
      raise(0);
      expect(await set.vector(0).once()).toBe(1);
    });

    test('says that the device was lost while it waited', async () => {
      const other = await openDevice(lossy);
      other.busMaster = true;
      const waiting = other.enableInterrupts('msix').vector(0).once({ timeout: 50 });
      machine.device(lossy).lose();
      await expect(waiting).rejects.toThrow(/not raised within 50 ms \(.*the device is gone\)/);
      await other.close();
    });

    test("rejects with its signal's reason", async () => {
      const abort = new AbortController();
      const waiting = set.vector(0).once({ signal: abort.signal });
      const reason = new Error('not wanted');
      abort.abort(reason);
      await expect(waiting).rejects.toBe(reason);
      await expect(set.vector(0).once({ signal: abort.signal })).rejects.toBe(reason);
    });

    test('with a time and a signal rejects for what comes first, and leaves neither behind', async () => {
      const vector = set.vector(0);
      const abort = new AbortController();
      const timeout = withCode('ERR_VFIO_TIMEOUT');
      await expect(vector.once({ timeout: 1, signal: abort.signal })).rejects.toEqual(timeout);
      const waiting = vector.once({ timeout: 60_000, signal: abort.signal });
      raise(0, 2);
      expect(await waiting).toBe(2);
      abort.abort();
      expect(await vector.once({ timeout: 0 }).catch(({ code }) => code)).toBe('ERR_VFIO_TIMEOUT');
      expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
    });

    test('that is aborted while the interrupt is on its way leaves it to the next', async () => {
      const abort = new AbortController();
      const waiting = set.vector(0).once({ signal: abort.signal });
      raise(0, 3);
      abort.abort();
      await expect(waiting).rejects.toBe(abort.signal.reason);
      expect(await set.vector(0).once()).toBe(3);
    });

    test.each([
      ['a time that no timer has', { timeout: 2 ** 31 }, 'ERR_VFIO_RANGE'],
      ['a negative time', { timeout: -1 }, 'ERR_VFIO_RANGE'],
      ['a time in words', { timeout: '1' }, 'ERR_INVALID_ARG_TYPE'],
      ['a signal that is none', { signal: 1 }, 'ERR_INVALID_ARG_TYPE'],
      ['an unknown option', { timeot: 1 }, 'ERR_INVALID_ARG_VALUE'],
      ['null', null, 'ERR_INVALID_ARG_TYPE'],
    ])('refuses %s', async (_, options, code) => {
      await expect(set.vector(0).once(options as never)).rejects.toEqual(withCode(code));
    });
  });

  describe('waitSync', () => {
    test('gives what was raised, and is counted', () => {
      raise(0, 1000);
      expect(set.vector(0).waitSync()).toBe(1000);
      raise(0, 2);
      expect(set.vector(0).waitSync(0)).toBe(2);
      expect(set.vector(0).count).toBe(1002);
    });

    test('waits for no other vector, and no less than its time', () => {
      raise(1);
      const begin = performance.now();
      expect(() => set.vector(0).waitSync(45)).toThrow(withCode('ERR_VFIO_TIMEOUT'));
      expect(performance.now() - begin).toBeGreaterThanOrEqual(45);
      expect(set.vector(1).waitSync(0)).toBe(1);
    });

    test('waits again when a signal comes in between', () => {
      raise(0);
      syscalls().fail(1, constants.errno.EINTR, 'poll');
      expect(set.vector(0).waitSync()).toBe(1);
      expect(syscalls().failed()).toBe('poll');
    });

    test('throws when the kernel does, and nothing is lost', () => {
      raise(0);
      syscalls().fail(1, constants.errno.ENOMEM, 'poll');
      const failure = withCode('ENOMEM', { syscall: 'poll' });
      expect(() => set.vector(0).waitSync()).toThrow(failure);
      expect(set.vector(0).waitSync(0)).toBe(1);
    });

    test('takes turns with the other ways to wait, and none loses a count', async () => {
      const vector = set.vector(0);
      const heard: number[] = [];
      raise(0, 1);
      expect(vector.waitSync(0)).toBe(1);
      raise(0, 2);
      expect(await vector.once()).toBe(2);
      raise(0, 3);
      const listener = (count: number) => heard.push(count);
      vector.on(listener);
      await until(() => heard.length > 0);
      raise(0, 4);
      vector.off(listener);
      expect(vector.waitSync(0)).toBe(4);
      expect(heard).toEqual([3]);
    });

    test('is refused while somebody listens', () => {
      const listener = () => {};
      set.vector(0).on(listener);
      const hint = expect.stringContaining('once()');
      expect(() => set.vector(0).waitSync(0)).toThrow(withCode('ERR_VFIO_BUSY', { hint }));
      raise(1);
      expect(set.vector(1).waitSync(0)).toBe(1);
    });

    test('is over with its set, its device, and a reset', async () => {
      const closed = withCode('ERR_VFIO_CLOSED');
      const vector = set.vector(0);
      await device.reset();
      expect(() => vector.waitSync()).toThrow(closed);
      device.busMaster = true;
      const again = device.enableInterrupts('msi');
      const other = again.vector(0);
      again.close();
      expect(() => other.waitSync()).toThrow(closed);
      const last = device.enableInterrupts('msi').vector(0);
      await device.close();
      expect(() => last.waitSync()).toThrow(closed);
    });
  });

  describe('an iteration', () => {
    test('gives the counts, and adds up what arrives while its body works', async () => {
      const counts: number[] = [];
      raise(0);
      for await (const count of set.vector(0)) {
        counts.push(count);
        if (counts.length === 1) {
          raise(0, 2);
          await until(() => set.vector(0).count === 3);
          raise(0, 4);
          await until(() => set.vector(0).count === 7);
        } else break;
      }
      expect(counts).toEqual([1, 6]);
    });

    test('is one of several, which all get everything at their own pace', async () => {
      const vector = set.vector(0);
      const [quick, slow] = [vector[Symbol.asyncIterator](), vector[Symbol.asyncIterator]()];
      raise(0, 1);
      expect(await quick.next()).toEqual({ value: 1, done: false });
      raise(0, 2);
      expect(await quick.next()).toEqual({ value: 2, done: false });
      expect(await slow.next()).toEqual({ value: 3, done: false });
      await quick.return?.();
      raise(0, 4);
      expect(await slow.next()).toEqual({ value: 4, done: false });
      await slow.return?.();
      expect(vector.count).toBe(7);
    });

    test('ends with the set', async () => {
      const counts: number[] = [];
      const ended = (async () => {
        for await (const count of set.vector(0)) counts.push(count);
      })();
      raise(0);
      await until(() => counts.length === 1);
      set.close();
      await ended;
    });

    test('leaves when its body breaks or throws, so that the next one hears', async () => {
      raise(0);
      for await (const _ of set.vector(0)) break;
      raise(0);
      const failure = new Error('of the body');
      const throwing = async () => {
        for await (const _ of set.vector(0)) throw failure;
      };
      await expect(throwing()).rejects.toBe(failure);
      raise(0, 3);
      expect(await set.vector(0).once()).toBe(3);
    });

    test('that breaks leaves what it did not get to who waits next', async () => {
      const vector = set.vector(0);
      raise(0);
      for await (const _ of vector) {
        raise(0, 3);
        await until(() => vector.count === 4);
        break;
      }
      expect(vector.count).toBe(1);
      expect(vector.waitSync(0)).toBe(3);
      expect(vector.count).toBe(4);
    });

    test('shares the vector with listeners', async () => {
      const heard: number[] = [];
      set.vector(0).on((count) => heard.push(count));
      raise(0, 2);
      for await (const count of set.vector(0)) {
        expect(count).toBe(2);
        break;
      }
      expect(heard).toEqual([2]);
    });
  });
});

describe('a listener may', () => {
  let set: InterruptSet;

  beforeEach(() => {
    set = device.enableInterrupts('msix', { count: 2 });
  });

  /** Runs `work` in a listener, and waits for its end. */
  async function inListener(work: () => unknown): Promise<void> {
    const done = new Promise<void>((resolve, reject) => {
      set.vector(0).on(async () => {
        try {
          await work();
          resolve();
        } catch (failure) {
          reject(failure);
        }
      });
    });
    raise(0);
    await done;
  }

  test('close its set', async () => {
    await inListener(() => set.close());
    expect(hardware.counts().eventfds).toBe(0);
  });

  test('close its device', async () => {
    await inListener(() => device.close());
    expectNothingOpen(machine, address);
  });

  test('reset its device', async () => {
    await inListener(() => device.reset());
    expect(set.closed).toBe(true);
  });

  test('stop listening and listen again', async () => {
    const vector = set.vector(0);
    const again = jest.fn();
    await inListener(() => vector.on(again));
    raise(0);
    await until(() => again.mock.calls.length > 0);
  });

  test('arm another set in place of its own', async () => {
    await inListener(() => {
      set.close();
      set = device.enableInterrupts('msi');
    });
    const waiting = set.vector(0).once();
    raise(0, 1, 'msi');
    expect(await waiting).toBe(1);
  });
});

describe('a closed set', () => {
  test('ends everything that waits on it, and raises nothing', async () => {
    const set = device.enableInterrupts('msix', { count: 2 });
    const heard = jest.fn();
    set.vector(0).on(heard);
    const waiting = expect(set.vector(1).once()).rejects.toEqual(withCode('ERR_VFIO_CLOSED'));
    set.close();
    await waiting;
    expect(hardware.raise(index.msix, 0)).toBe(false);
    await turn();
    expect(heard).not.toHaveBeenCalled();
  });

  test('does not deliver what was raised before and not yet heard of', async () => {
    const set = device.enableInterrupts('msix');
    const heard = jest.fn();
    set.vector(0).on(heard);
    raise(0, 3);
    set.close();
    await turn();
    await turn();
    expect(heard).not.toHaveBeenCalled();
  });

  test('closes twice, and by `using`', () => {
    {
      using set = device.enableInterrupts('msix');
      expect(set.closed).toBe(false);
    }
    const set = device.enableInterrupts('msix');
    set.close();
    set.close();
    expect(set.closed).toBe(true);
    expect(hardware.counts().eventfds).toBe(0);
  });
});
