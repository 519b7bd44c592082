// SPDX-License-Identifier: MIT
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { ours } from '../../lib/internal/ours.js';
import type { Interrupt } from '../../lib/interrupt.js';
import { type InterruptType, interruptInfo } from '../../lib/interrupts/types.js';
import { InterruptSet } from '../../lib/interrupts.js';
import { turn } from '../support/turn.js';
import { catchWarnings, defer, FakeInterrupts, rejectionOf, thrownBy } from './lib-fake-native.js';

let log: string[];
let native: FakeInterrupts;
let set: InterruptSet;

function arm(type: InterruptType, count = 1): Interrupt {
  log = [];
  native = new FakeInterrupts(count, log);
  set = new InterruptSet(ours, native, type, '0000:01:00.0', () => log.push('disarmed'));
  return set.vector(0);
}

/** Collects the counts that the vector delivers to a listener. */
function collect(interrupt: Interrupt): number[] {
  const counts: number[] = [];
  interrupt.on((count) => counts.push(count));
  return counts;
}

describe('a set', () => {
  test('has its vectors, each the same object every time', () => {
    arm('msix', 4);
    expect(set.count).toBe(4);
    expect(set.vector(3)).toBe(set.vector(3));
    expect(set.vector(2)).not.toBe(set.vector(3));
  });

  test.each([-1, 4, 0.5, Number.NaN])('has no vector %s', (index) => {
    arm('msix', 4);
    expect(thrownBy(() => set.vector(index)).code).toBe('ERR_VFIO_RANGE');
  });

  test('is closed once', () => {
    arm('msi');
    set.close();
    set[Symbol.dispose]();
    expect(set.closed).toBe(true);
    expect(log).toEqual(['disarmed', 'close interrupts']);
  });

  test('throws after close, and so do its vectors', async () => {
    const interrupt = arm('intx');
    set.close();
    const closed = { code: 'ERR_VFIO_CLOSED', message: expect.stringContaining('intx') };
    expect(thrownBy(() => set.vector(0))).toMatchObject(closed);
    expect(thrownBy(() => interrupt.on(() => {}))).toMatchObject(closed);
    expect(thrownBy(() => interrupt.trigger())).toMatchObject(closed);
    expect(thrownBy(() => interrupt.waitSync(0))).toMatchObject(closed);
    expect(thrownBy(() => interrupt.mask())).toMatchObject(closed);
    expect(thrownBy(() => interrupt.unmask())).toMatchObject(closed);
    expect(thrownBy(() => interrupt[Symbol.asyncIterator]())).toMatchObject(closed);
    expect(await rejectionOf(interrupt.once())).toMatchObject(closed);
    expect(() => interrupt.off(() => {})).not.toThrow();
    expect(() => interrupt.ref().unref()).not.toThrow();
  });
});

describe('listeners', () => {
  test('share one listener of the addon', () => {
    const interrupt = arm('msi');
    const first = collect(interrupt);
    const second = collect(interrupt);
    native.raise(0, 3);
    native.raise(0, 2);
    expect([first, second]).toEqual([
      [3, 2],
      [3, 2],
    ]);
    expect(interrupt.count).toBe(5);
    expect(log).toEqual(['listen 0']);
  });

  test('stop the addon listening when the last has gone', () => {
    const interrupt = arm('msi');
    const [a, b] = [() => {}, () => {}];
    interrupt.on(a).on(b).off(a);
    expect(log).toEqual(['listen 0']);
    interrupt.off(b).off(b);
    expect(log).toEqual(['listen 0', 'unlisten 0']);
  });

  test('are added once', () => {
    const interrupt = arm('msi');
    let calls = 0;
    const listener = () => calls++;
    interrupt.on(listener).on(listener);
    native.raise();
    expect(calls).toBe(1);
    interrupt.off(listener);
    expect(log).toEqual(['listen 0', 'unlisten 0']);
  });

  test('that come or go during a delivery count from the next one', () => {
    const interrupt = arm('msi');
    const seen: string[] = [];
    const late = () => seen.push('late');
    const early = () => {
      seen.push('early');
      interrupt.off(early).on(late);
    };
    interrupt.on(early);
    native.raise();
    native.raise();
    expect(seen).toEqual(['early', 'late']);
  });

  test('must be functions', () => {
    expect(thrownBy(() => arm('msi').on('x' as never)).code).toBe('ERR_INVALID_ARG_TYPE');
  });

  test('belong to their vector', () => {
    arm('msix', 2);
    const first = collect(set.vector(0));
    const second = collect(set.vector(1));
    native.raise(1, 7);
    expect([first, second]).toEqual([[], [7]]);
  });

  test('are not added when the addon fails', () => {
    const interrupt = arm('msi');
    const listen = native.listen;
    native.listen = () => {
      throw { errno: 24, syscall: 'epoll_ctl', request: '', path: '' };
    };
    const listener = () => {};
    expect(thrownBy(() => interrupt.on(listener)).code).toBe('EMFILE');
    native.listen = listen;
    interrupt.on(listener);
    expect(log).toEqual(['listen 0']);
  });
});

describe('keeping the process alive', () => {
  test('is told to the addon while someone listens', () => {
    const interrupt = arm('msi');
    collect(interrupt);
    interrupt.unref().ref();
    expect(log).toEqual(['listen 0', 'unref 0', 'ref 0']);
  });

  test('is remembered until someone listens, and after', () => {
    const interrupt = arm('msi');
    interrupt.unref();
    expect(log).toEqual([]);
    const listener = () => {};
    interrupt.on(listener).off(listener).on(listener);
    expect(log).toEqual(['listen 0', 'unref 0', 'unlisten 0', 'listen 0', 'unref 0']);
  });
});

describe('once', () => {
  test('gives the next count and stops listening', async () => {
    const interrupt = arm('msi');
    const next = interrupt.once();
    native.raise(0, 2);
    expect(await next).toBe(2);
    expect(log).toEqual(['listen 0', 'unlisten 0']);
  });

  test('listens from the call on, not from the next turn', () => {
    arm('msi').once();
    expect(log).toEqual(['listen 0']);
  });

  test('of several waiting gives the same interrupt to all', async () => {
    const interrupt = arm('msi');
    const both = Promise.all([interrupt.once(), interrupt.once()]);
    native.raise(0, 4);
    expect(await both).toEqual([4, 4]);
  });

  test('rejects after its time, and listens no more', async () => {
    const error = await rejectionOf(arm('msi').once({ timeout: 1 }));
    expect(error).toMatchObject({ name: 'VfioError', code: 'ERR_VFIO_TIMEOUT' });
    expect(log).toEqual(['listen 0', 'unlisten 0']);
  });

  test("rejects with its signal's reason, and listens no more", async () => {
    const interrupt = arm('msi');
    const abort = new AbortController();
    const next = rejectionOf(interrupt.once({ signal: abort.signal }));
    abort.abort(new Error('mine'));
    expect((await next).message).toBe('mine');
    expect(log).toEqual(['listen 0', 'unlisten 0']);
  });

  test('does not begin when its signal has aborted', async () => {
    const interrupt = arm('msi');
    expect((await rejectionOf(interrupt.once({ signal: AbortSignal.abort() }))).name).toBe(
      'AbortError',
    );
    expect(log).toEqual([]);
  });

  test('rejects when the set is closed', async () => {
    const next = rejectionOf(arm('msi').once({ timeout: 60_000 }));
    set.close();
    expect(await next).toMatchObject({ code: 'ERR_VFIO_CLOSED' });
    expect(log).not.toContain('unlisten 0');
  });

  test('rejects when the addon cannot listen', async () => {
    const interrupt = arm('msi');
    native.listen = () => {
      throw { code: 'ERR_VFIO_LOST', message: 'gone' };
    };
    expect(await rejectionOf(interrupt.once({ timeout: 60_000 }))).toMatchObject({
      code: 'ERR_VFIO_LOST',
    });
  });

  test.each([
    [{ timeout: -1 }, 'ERR_VFIO_RANGE'],
    [{ timeout: 2 ** 31 }, 'ERR_VFIO_RANGE'],
    [{ timeout: '1' }, 'ERR_INVALID_ARG_TYPE'],
    [{ signal: {} }, 'ERR_INVALID_ARG_TYPE'],
    [{ timout: 1 }, 'ERR_INVALID_ARG_VALUE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
  ])('refuses %j', async (options, code) => {
    expect((await rejectionOf(arm('msi').once(options as never))).code).toBe(code);
  });
});

describe('waitSync', () => {
  test('gives the next count, in turns that another thread can end', () => {
    const interrupt = arm('msix', 2);
    native.waits = [0, 0, 3];
    expect(set.vector(1).waitSync()).toBe(3);
    expect(set.vector(1).count).toBe(3);
    expect(interrupt.count).toBe(0);
    expect(log).toEqual(['wait 1 20', 'wait 1 20', 'wait 1 20']);
  });

  test('with 0 only looks', () => {
    const interrupt = arm('msi');
    expect(thrownBy(() => interrupt.waitSync(0))).toMatchObject({ code: 'ERR_VFIO_TIMEOUT' });
    native.waits = [2];
    expect(interrupt.waitSync(0)).toBe(2);
    expect(log).toEqual(['wait 0 0', 'wait 0 0']);
  });

  test('throws what the addon throws, in the middle too', () => {
    const interrupt = arm('msi');
    native.wait = () => {
      if (native.waits.length === 0) throw { code: 'ERR_VFIO_CLOSED', message: 'closed' };
      return native.waits.shift() ?? 0;
    };
    native.waits = [0, 0];
    expect(thrownBy(() => interrupt.waitSync())).toMatchObject({ code: 'ERR_VFIO_CLOSED' });
    expect(native.waits).toEqual([]);
  });

  test('is refused while somebody listens, and changes nothing', async () => {
    const interrupt = arm('msi');
    const busy = { code: 'ERR_VFIO_BUSY', message: expect.stringContaining('listeners') };
    const refused = () => expect(thrownBy(() => interrupt.waitSync(0))).toMatchObject(busy);
    const listener = () => {};
    interrupt.on(listener);
    refused();
    interrupt.off(listener);
    const next = interrupt.once();
    refused();
    native.raise();
    await next;
    const steps = interrupt[Symbol.asyncIterator]();
    refused();
    await steps.return?.();
    expect(log.filter((line) => line.startsWith('wait'))).toEqual([]);
    native.waits = [1];
    expect(interrupt.waitSync(0)).toBe(1);
  });

  test('unmasks INTx when the next wait begins', async () => {
    const interrupt = arm('intx');
    native.waits = [1, 1];
    interrupt.waitSync(0);
    interrupt.waitSync(0);
    interrupt.once();
    expect(log).toEqual(['wait 0 0', 'unmask', 'wait 0 0', 'listen 0', 'unmask']);
  });

  test('that got nothing leaves INTx alone', () => {
    const interrupt = arm('intx');
    thrownBy(() => interrupt.waitSync(0));
    thrownBy(() => interrupt.waitSync(0));
    expect(log).not.toContain('unmask');
  });

  test.each([
    [-1, 'ERR_VFIO_RANGE'],
    [0.5, 'ERR_VFIO_RANGE'],
    [Number.NaN, 'ERR_VFIO_RANGE'],
    [2 ** 31, 'ERR_VFIO_RANGE'],
    ['1', 'ERR_INVALID_ARG_TYPE'],
    [1n, 'ERR_INVALID_ARG_TYPE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
    [{ timeout: 1 }, 'ERR_INVALID_ARG_TYPE'],
  ])('refuses %p', (timeout, code) => {
    const interrupt = arm('msi');
    expect(thrownBy(() => interrupt.waitSync(timeout as never)).code).toBe(code);
    expect(log).toEqual([]);
  });
});

describe('iterating', () => {
  test('gives each count, and what came meanwhile as one', async () => {
    const interrupt = arm('msi');
    const steps = interrupt[Symbol.asyncIterator]();
    native.raise(0, 1);
    native.raise(0, 2);
    expect(await steps.next()).toEqual({ value: 3, done: false });
    const next = steps.next();
    native.raise(0, 5);
    expect(await next).toEqual({ value: 5, done: false });
  });

  test('unsubscribes when the loop is left', async () => {
    const interrupt = arm('msi');
    setImmediate(() => native.raise());
    for await (const count of interrupt) {
      expect(count).toBe(1);
      break;
    }
    expect(log).toEqual(['listen 0', 'unlisten 0']);
  });

  test('that is left gives back what no step got, unless others got it', async () => {
    const interrupt = arm('msi');
    const steps = interrupt[Symbol.asyncIterator]();
    native.raise(0, 2);
    await steps.next();
    native.raise(0, 3);
    await steps.return?.();
    expect(log).toEqual(['listen 0', 'unlisten 0', 'give back 0 3']);
    expect(interrupt.count).toBe(2);
    expect(await steps.next()).toEqual({ value: undefined, done: true });

    const shared = interrupt[Symbol.asyncIterator]();
    const counts = collect(interrupt);
    native.raise(0, 4);
    await shared.return?.();
    expect(counts).toEqual([4]);
    expect(log.filter((line) => line.startsWith('give'))).toHaveLength(1);
  });

  test('unsubscribes when the body throws', async () => {
    const interrupt = arm('msi');
    setImmediate(() => native.raise());
    const loop = async () => {
      for await (const _ of interrupt) throw new Error('body');
    };
    expect((await rejectionOf(loop())).message).toBe('body');
    expect(log).toEqual(['listen 0', 'unlisten 0']);
  });

  test('that is left after the set was closed gives nothing back', async () => {
    const interrupt = arm('msi');
    setImmediate(() => native.raise());
    for await (const _ of interrupt) {
      native.raise(0, 2);
      set.close();
      break;
    }
    expect(log.filter((line) => line.startsWith('give'))).toEqual([]);
  });

  test('ends when the set is closed, after what was pending', async () => {
    const interrupt = arm('msi');
    const steps = interrupt[Symbol.asyncIterator]();
    native.raise(0, 2);
    set.close();
    expect(await steps.next()).toEqual({ value: 2, done: false });
    expect(await steps.next()).toEqual({ value: undefined, done: true });
    expect(await steps.return?.()).toEqual({ value: undefined, done: true });
  });

  test('ends a step that waits when the set is closed', async () => {
    const steps = arm('msi')[Symbol.asyncIterator]();
    const next = steps.next();
    set.close();
    expect(await next).toEqual({ value: undefined, done: true });
  });

  test('ends a step that waits when the loop is left', async () => {
    const steps = arm('msi')[Symbol.asyncIterator]();
    const next = steps.next();
    await steps.return?.();
    expect(await next).toEqual({ value: undefined, done: true });
  });

  test('serves steps in the order they were asked for', async () => {
    const steps = arm('msi')[Symbol.asyncIterator]();
    const both = [steps.next(), steps.next()];
    native.raise(0, 1);
    native.raise(0, 2);
    expect((await Promise.all(both)).map(({ value }) => value)).toEqual([1, 2]);
  });
});

describe('INTx', () => {
  test('is unmasked after its listeners ran', async () => {
    const interrupt = arm('intx');
    interrupt.on(() => log.push('served'));
    native.raise();
    await turn();
    expect(log).toEqual(['listen 0', 'served', 'unmask']);
  });

  test('is unmasked after the promises of all listeners', async () => {
    const interrupt = arm('intx');
    const [first, second] = [defer<void>(), defer<void>()];
    interrupt.on(() => first.promise).on(() => second.promise);
    native.raise();
    first.resolve();
    await turn();
    expect(log).toEqual(['listen 0']);
    second.resolve();
    await turn();
    expect(log).toEqual(['listen 0', 'unmask']);
  });

  test('is unmasked once for each delivery', async () => {
    const interrupt = arm('intx');
    collect(interrupt);
    for (let i = 0; i < 3; i++) {
      native.raise();
      await turn();
    }
    expect(log).toEqual(['listen 0', 'unmask', 'unmask', 'unmask']);
  });

  test('is unmasked when the body of a loop is done', async () => {
    const interrupt = arm('intx');
    const steps = interrupt[Symbol.asyncIterator]();
    native.raise();
    await steps.next();
    await turn();
    expect(log).toEqual(['listen 0']);
    steps.next();
    await turn();
    expect(log).toEqual(['listen 0', 'unmask']);
  });

  test('is unmasked when the loop is left', async () => {
    const interrupt = arm('intx');
    const steps = interrupt[Symbol.asyncIterator]();
    native.raise();
    await steps.next();
    await steps.return?.();
    await turn();
    expect(log).toEqual(['listen 0', 'unlisten 0', 'unmask']);
  });

  test('stays masked after once() until the next wait', async () => {
    const interrupt = arm('intx');
    const first = interrupt.once();
    native.raise();
    await first;
    await turn();
    expect(log).toEqual(['listen 0', 'unlisten 0']);
    interrupt.once();
    expect(log).toEqual(['listen 0', 'unlisten 0', 'listen 0', 'unmask']);
  });

  test('is not unmasked twice when unmask() came between', async () => {
    const interrupt = arm('intx');
    const first = interrupt.once();
    native.raise();
    await first;
    interrupt.unmask();
    interrupt.once();
    expect(log.filter((line) => line === 'unmask')).toHaveLength(1);
  });

  test('is unmasked by a listener beside a once()', async () => {
    const interrupt = arm('intx');
    collect(interrupt);
    const next = interrupt.once();
    native.raise();
    await next;
    await turn();
    expect(log).toEqual(['listen 0', 'unmask']);
  });

  test('stays masked after mask(), until unmask()', async () => {
    const interrupt = arm('intx');
    interrupt.on(() => interrupt.mask());
    native.raise();
    await turn();
    expect(log).toEqual(['listen 0', 'mask']);
    interrupt.unmask();
    expect(log).toEqual(['listen 0', 'mask', 'unmask']);
  });

  test('is left alone when the set was closed meanwhile', async () => {
    const interrupt = arm('intx');
    const work = defer<void>();
    interrupt.on(() => work.promise);
    native.raise();
    set.close();
    work.resolve();
    await turn();
    expect(log).not.toContain('unmask');
  });

  test('that cannot be unmasked is a process warning', async () => {
    const interrupt = arm('intx');
    collect(interrupt);
    native.onUnmask = () => {
      throw { code: 'ERR_VFIO_LOST', message: 'gone' };
    };
    const warnings = catchWarnings();
    native.raise();
    await turn();
    jest.restoreAllMocks();
    expect(warnings).toEqual([{ code: 'ERR_VFIO_LOST', message: expect.stringContaining('gone') }]);
  });

  test.each(['msi', 'msix'] as const)('alone is masked: %s is not', (type) => {
    const interrupt = arm(type);
    expect(thrownBy(() => interrupt.mask()).code).toBe('ERR_VFIO_UNSUPPORTED');
    expect(thrownBy(() => interrupt.unmask()).code).toBe('ERR_VFIO_UNSUPPORTED');
    collect(interrupt);
    native.raise();
    expect(log).toEqual(['listen 0']);
  });
});

describe('what a listener throws', () => {
  const uncaught: unknown[] = [];
  const realQueue = globalThis.queueMicrotask;

  beforeEach(() => {
    uncaught.length = 0;
    globalThis.queueMicrotask = (task) =>
      realQueue(() => {
        try {
          task();
        } catch (failure) {
          uncaught.push(failure);
        }
      });
  });

  afterEach(() => {
    globalThis.queueMicrotask = realQueue;
  });

  test('is uncaught, and does not keep it from the others', async () => {
    const interrupt = arm('intx');
    interrupt.on(() => {
      throw new Error('sync');
    });
    interrupt.on(async () => {
      throw new Error('async');
    });
    const counts = collect(interrupt);
    native.raise();
    await turn();
    expect(counts).toEqual([1]);
    expect(uncaught.map((failure) => (failure as Error).message)).toEqual(['sync', 'async']);
    expect(log).toEqual(['listen 0', 'unmask']);
  });
});

test('trigger asks the kernel to raise the vector', () => {
  arm('msix', 2);
  set.vector(1).trigger();
  expect(log).toEqual(['trigger 1']);
});

test('the facts of an interrupt come from its flags', () => {
  expect(interruptInfo({ index: 0, flags: 0b0111, count: 1 })).toEqual({
    count: 1,
    maskable: true,
    autoMasked: true,
    resizable: true,
  });
  expect(interruptInfo({ index: 2, flags: 0b1001, count: 64 })).toEqual({
    count: 64,
    maskable: false,
    autoMasked: false,
    resizable: false,
  });
  expect(interruptInfo(undefined).count).toBe(0);
});
