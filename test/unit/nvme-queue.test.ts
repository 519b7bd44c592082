// SPDX-License-Identifier: MIT
import { describe, expect, jest, test } from '@jest/globals';
import { emptyDataPointer } from '../../lib/nvme/prp.js';
import { ABORTED_BY_HOST } from '../../lib/nvme/status.js';
import { FakeQueue } from '../support/nvme.js';

/** A callback that records the arguments of its calls. */
function recorder() {
  const calls: [status: number, result: number][] = [];
  return { calls, done: (status: number, result: number) => void calls.push([status, result]) };
}

describe('submitting', () => {
  test('puts the dwords of a command where figure 87 has them, and touches no other slot', () => {
    const fake = new FakeQueue(4);
    fake.queue.submit(0x06, 7, 0x1000, 1, 0x2000, 2, 0x89ab_cdef, 4, 0x1f, () => {});
    fake.queue.submit(0xff, 0xffff_ffff, 0, 0, 0, 0, 1, 1, 1, () => {});
    expect(fake.slot(0)).toEqual([
      ...[0x06, 7, 0, 0, 0, 0], // CDW0 with identifier 0, NSID, reserved, reserved, MPTR
      ...[0x1000, 0x1, 0x2000, 0x2], // PRP1, PRP2
      ...[0x89ab_cdef, 0x4, 0x1f, 0, 0, 0], // CDW10 to CDW15
    ]);
    expect(fake.slot(1)).toEqual([0x0001_00ff, 0xffff_ffff, ...Array(8).fill(0), 1, 1, 1, 0, 0, 0]);
    expect(fake.slot(2)).toEqual(Array(16).fill(0));
  });

  test('fills slot after slot and rings once for all of them', () => {
    const fake = new FakeQueue(8);
    const first = fake.submit(() => {}, 0x01);
    const second = fake.submit(() => {}, 0x02);
    expect(fake.doorbells.tails).toEqual([]);
    fake.queue.ring();
    expect(fake.doorbells.tails).toEqual([2]);
    expect(fake.slot(0)[0]).toBe(0x01 | (first << 16));
    expect(fake.slot(1)[0]).toBe(0x02 | (second << 16));
  });

  test('does not ring twice for the same tail', () => {
    const fake = new FakeQueue(8);
    fake.queue.ring();
    fake.submit(() => {});
    fake.queue.ring();
    fake.queue.ring();
    expect(fake.doorbells.tails).toEqual([1]);
  });

  test('leaves one slot empty, so that a full ring is not an empty one', () => {
    const fake = new FakeQueue(4);
    for (let i = 0; i < 3; i++) fake.submit(() => {});
    expect(fake.queue.room).toBe(0);
    expect(fake.queue.inFlight).toBe(3);
    expect(() => fake.submit(() => {})).toThrow('is full');
  });

  test('gives each command in flight an identifier of its own', () => {
    const fake = new FakeQueue(16);
    const cids = Array.from({ length: 15 }, () => fake.submit(() => {}));
    expect(new Set(cids).size).toBe(15);
  });
});

describe('completing', () => {
  test('a command that stays in flight keeps its identifier while the ring goes round', () => {
    const fake = new FakeQueue(4);
    const ended: string[] = [];
    const late = fake.submit(() => void ended.push('late'));
    for (let round = 0; round < 20; round++) {
      const [a, b] = [
        fake.submit(() => void ended.push('a')),
        fake.submit(() => void ended.push('b')),
      ];
      expect(new Set([late, a, b]).size).toBe(3);
      fake.complete(b);
      fake.complete(a);
      expect(fake.queue.poll()).toBe(2);
      expect(ended.splice(0)).toEqual(['b', 'a']);
    }
    fake.complete(late);
    fake.queue.poll();
    expect([ended, fake.queue.unknown, fake.queue.room]).toEqual([['late'], 0, 3]);
  });

  test('calls back with status and dword 0, and tells the controller the head', () => {
    const fake = new FakeQueue(8);
    const { calls, done } = recorder();
    const cid = fake.submit(done);
    expect(fake.queue.poll()).toBe(0);
    fake.complete(cid, 0x4080, 0xdead_beef);
    expect(fake.queue.poll()).toBe(1);
    expect(calls).toEqual([[0x4080, 0xdead_beef]]);
    expect(fake.doorbells.heads).toEqual([1]);
    expect(fake.queue.inFlight).toBe(0);
  });

  test('takes completions in any order', () => {
    const fake = new FakeQueue(8);
    const order: string[] = [];
    const a = fake.submit(() => order.push('a'));
    const b = fake.submit(() => order.push('b'));
    fake.complete(b);
    fake.complete(a);
    expect(fake.queue.poll()).toBe(2);
    expect(order).toEqual(['b', 'a']);
    expect(fake.doorbells.heads).toEqual([2]);
  });

  test('follows the phase through many turns of the ring', () => {
    const fake = new FakeQueue(4);
    const { calls, done } = recorder();
    for (let i = 0; i < 50; i++) {
      fake.complete(fake.submit(done), 0, i);
      expect(fake.queue.poll()).toBe(1);
      // The entries from before the ring wrapped have the other phase, so the queue takes none of them twice.
      expect(fake.queue.poll()).toBe(0);
    }
    expect(calls.map(([, result]) => result)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(fake.doorbells.heads.slice(0, 5)).toEqual([1, 2, 3, 0, 1]);
  });

  test('keeps a full queue turning', () => {
    const fake = new FakeQueue(8);
    let ended = 0;
    const inFlight = Array.from({ length: 7 }, () => fake.submit(() => ended++));
    for (let i = 0; i < 100; i++) {
      fake.complete(inFlight.shift() as number);
      expect(fake.queue.poll()).toBe(1);
      inFlight.push(fake.submit(() => ended++));
    }
    expect(ended).toBe(100);
    expect(fake.queue.room).toBe(0);
  });

  test('lets a callback submit the next command', () => {
    const fake = new FakeQueue(4);
    let ended = 0;
    const again = () => {
      if (++ended < 20) fake.complete(fake.submit(again));
    };
    fake.complete(fake.submit(again));
    while (ended < 20) fake.queue.poll();
    expect(fake.queue.inFlight).toBe(0);
    expect(fake.queue.unknown).toBe(0);
  });

  test('returns after a ring of completions, however many come', () => {
    const fake = new FakeQueue(4);
    const again = () => fake.complete(fake.submit(again));
    fake.complete(fake.submit(again));
    expect(fake.queue.poll()).toBe(4);
  });
});

describe('polling', () => {
  test('rings once at its end for what callbacks submitted', () => {
    const fake = new FakeQueue(8);
    const cids = [1, 2, 3].map(() => fake.submit(() => void fake.submit(() => {})));
    for (const cid of cids) fake.complete(cid);
    expect(fake.queue.poll()).toBe(3);
    expect(fake.doorbells.tails).toEqual([6]);
  });

  test('goes on after a callback that throws, which is an uncaught exception', () => {
    const fake = new FakeQueue(8);
    const { calls, done } = recorder();
    const thrown = jest.spyOn(globalThis, 'queueMicrotask').mockImplementation(() => {});
    const fails = () => {
      throw new Error('of the callback');
    };
    for (const each of [fails, done, fails]) fake.complete(fake.submit(each));
    expect(fake.queue.poll()).toBe(3);
    expect([calls.length, fake.queue.inFlight, fake.doorbells.heads]).toEqual([1, 0, [3]]);
    expect(thrown).toHaveBeenCalledTimes(2);
    for (const [rethrow] of thrown.mock.calls) expect(rethrow).toThrow('of the callback');
    thrown.mockRestore();
  });

  test('in a callback takes nothing, so no entry is taken before it is written', () => {
    const fake = new FakeQueue(8);
    const { calls, done } = recorder();
    const nested: number[] = [];
    const polls = (status: number, result: number) => {
      nested.push(fake.queue.poll());
      done(status, result);
    };
    const cids = [1, 2, 3].map(() => fake.submit(polls));
    fake.submit(done); // stays in flight
    for (const cid of cids) fake.complete(cid);
    expect(fake.queue.poll()).toBe(3);
    expect([nested, calls.length]).toEqual([[0, 0, 0], 3]);
    expect([fake.queue.unknown, fake.queue.inFlight]).toEqual([0, 1]);
  });

  test('takes a run of completions over the end of the ring', () => {
    const fake = new FakeQueue(4);
    const { calls, done } = recorder();
    for (const run of [3, 3, 2, 3, 1, 3, 3]) {
      const cids = Array.from({ length: run }, () => fake.submit(done));
      for (const cid of cids) fake.complete(cid, 0, cid);
      expect(fake.queue.poll()).toBe(run);
      expect(fake.queue.poll()).toBe(0);
      expect(calls.splice(0).map(([, result]) => result)).toEqual(cids);
    }
    expect([fake.queue.unknown, fake.queue.inFlight]).toEqual([0, 0]);
  });
});

describe('a device that writes nonsense', () => {
  test('is not followed to commands that are not in flight', () => {
    const fake = new FakeQueue(8);
    const { calls, done } = recorder();
    const cid = fake.submit(done);
    for (const wrong of [cid + 1, 7, 8, 0xffff]) fake.complete(wrong);
    expect(fake.queue.poll()).toBe(4);
    expect(calls).toEqual([]);
    expect(fake.queue.unknown).toBe(4);
    expect(fake.queue.inFlight).toBe(1);
  });

  test('cannot complete a command twice', () => {
    const fake = new FakeQueue(8);
    const { calls, done } = recorder();
    const cid = fake.submit(done);
    fake.complete(cid);
    fake.complete(cid);
    fake.queue.poll();
    expect(calls.length).toBe(1);
    expect(fake.queue.unknown).toBe(1);
    expect(fake.queue.room).toBe(7);
  });
});

describe('ending without a completion', () => {
  test('aborts what is in flight, once', () => {
    const fake = new FakeQueue(8);
    const { calls, done } = recorder();
    const cid = fake.submit(done);
    fake.submit(done);
    fake.queue.abortAll();
    expect(calls).toEqual([
      [ABORTED_BY_HOST, 0],
      [ABORTED_BY_HOST, 0],
    ]);
    fake.complete(cid);
    fake.queue.poll();
    expect(calls.length).toBe(2);
  });

  test('who waits for room hears of a completion and of an abort', async () => {
    const fake = new FakeQueue(2);
    const cid = fake.submit(() => {});
    const room = fake.queue.roomAgain();
    fake.complete(cid);
    fake.queue.poll();
    await room;
    fake.submit(() => {});
    const again = fake.queue.roomAgain();
    fake.queue.abortAll();
    await again;
    expect(fake.queue.inFlight).toBe(0);
  });

  test('a command grows old with the clock, others do not', () => {
    const fake = new FakeQueue(4);
    fake.submit(() => {});
    expect([fake.queue.age(2), fake.queue.age(2), fake.queue.age(2)]).toEqual([false, false, true]);
    fake.queue.abortAll();
    expect(fake.queue.age(2)).toBe(false);
    fake.submit(() => {});
    expect(fake.queue.age(2)).toBe(false);
  });
});

describe('a command object', () => {
  const pointer = emptyDataPointer();

  test('has all its dwords, and the next command in the slot has none of them', () => {
    const fake = new FakeQueue(2);
    const { queue } = fake;
    const cid = queue.nextCid;
    queue.submitCommand({ opcode: 0xc0, cdw2: 2, cdw13: 13, cdw15: 15 }, pointer, () => {});
    expect(fake.slot(0).slice(1)).toEqual([0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 13, 0, 15]);
    fake.complete(cid);
    queue.poll();
    for (let i = 0; i < 2; i++) {
      fake.complete(fake.submit(() => {}));
      queue.poll();
    }
    expect(fake.slot(0).slice(2, 6)).toEqual([0, 0, 0, 0]);
    expect(fake.slot(0).slice(13)).toEqual([0, 0, 0]);
  });

  test('without a time limit never counts as overdue', () => {
    const { queue } = new FakeQueue(4);
    queue.submitCommand({ opcode: 0x0c }, pointer, () => {}, false);
    expect([queue.age(1), queue.age(1), queue.age(1)]).toEqual([false, false, false]);
    queue.submitCommand({ opcode: 0x06 }, pointer, () => {});
    expect([queue.age(1), queue.age(1)]).toEqual([false, true]);
  });
});
