// SPDX-License-Identifier: MIT
// A hostile controller, which writes any data into completion queues and as Identify data.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseController, parseNamespace, parseNamespaceList } from '../../lib/nvme/identify.js';
import { ABORTED_BY_HOST } from '../../lib/nvme/status.js';
import { FakeQueue } from '../support/nvme.js';

const ENTRIES = 8;
const COMMANDS = ENTRIES - 1;

const dword = fc.oneof(fc.nat(0xffff_ffff), fc.constantFrom(0, 0xffff_ffff, 0x1_0000));

/** A completion entry: the identifier of a command or any number, either phase, and any other content. */
const completion = fc.record({
  slot: fc.nat(ENTRIES - 1),
  cid: fc.oneof(fc.nat(COMMANDS), fc.nat(0xffff)),
  phase: fc.nat(1),
  status: fc.nat(0x7fff),
  others: fc.tuple(dword, dword, dword),
});

const step = fc.oneof(
  { weight: 3, arbitrary: completion },
  { weight: 3, arbitrary: fc.constant('submit' as const) },
  { weight: 2, arbitrary: fc.constant('poll' as const) },
);

describe('S9/ completion entries of any content', () => {
  test('end a command once or not at all, and abortAll() ends the rest', () => {
    const property = fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const fake = new FakeQueue(ENTRIES);
      const ended: number[][] = [];
      for (const each of steps) {
        if (each === 'submit') {
          if (fake.queue.room === 0) continue;
          const calls: number[] = [];
          ended.push(calls);
          fake.submit((status) => void calls.push(status));
        } else if (each === 'poll') {
          expect(fake.queue.poll()).toBeLessThanOrEqual(ENTRIES);
        } else {
          const dword3 = (each.cid | (each.phase << 16) | (each.status << 17)) >>> 0;
          fake.cq.u32.set([...each.others, dword3], each.slot * 4);
        }
        expect(fake.queue.room + fake.queue.inFlight).toBe(COMMANDS);
      }
      fake.queue.abortAll();
      expect(ended.every((calls) => calls.length === 1)).toBe(true);
      expect(fake.queue.room).toBe(COMMANDS);
      for (const head of fake.doorbells.heads) expect(head).toBeLessThan(ENTRIES);
    });
    fc.assert(property, { numRuns: 500 });
  });

  test('of commands that nobody sent are counted, and change nothing', () => {
    fc.assert(
      fc.property(fc.nat(0xffff), fc.nat(0x7fff), (cid, status) => {
        const fake = new FakeQueue(ENTRIES);
        const calls: number[] = [];
        const own = fake.submit((result) => void calls.push(result));
        fc.pre(cid !== own);
        fake.complete(cid, status);
        fake.queue.poll();
        expect([calls, fake.queue.unknown, fake.queue.inFlight]).toEqual([[], 1, 1]);
        fake.complete(own);
        fake.queue.poll();
        expect(calls).toEqual([0]);
      }),
    );
  });

  test('of the same command twice end it once, and not the next one', () => {
    const fake = new FakeQueue(ENTRIES);
    const calls: string[] = [];
    const cid = fake.submit(() => void calls.push('first'));
    fake.complete(cid);
    fake.queue.poll();
    const other = fake.submit(() => void calls.push('second'));
    expect(other).not.toBe(cid);
    fake.complete(cid);
    fake.queue.poll();
    expect([calls, fake.queue.unknown]).toEqual([['first'], 1]);
  });

  test('that are all new at every look do not hold up the loop', () => {
    const fake = new FakeQueue(ENTRIES);
    const calls: number[] = [];
    fake.submit((status) => void calls.push(status));
    for (let turn = 0; turn < 4; turn++) {
      // Gives all entries the phase that the queue expects now.
      fake.cq.u32.fill(turn % 2 === 0 ? 0xffff_ffff : 0xfffe_ffff);
      expect(fake.queue.poll()).toBe(ENTRIES);
    }
    expect(fake.queue.unknown).toBe(4 * ENTRIES);
    fake.queue.abortAll();
    expect(calls).toEqual([ABORTED_BY_HOST]);
  });
});

describe('S9/ Identify data of any content', () => {
  const page = fc.uint8Array({ minLength: 4096, maxLength: 4096 });

  test('is a controller with printable names', () => {
    fc.assert(
      fc.property(page, (data) => {
        const identity = parseController(data);
        for (const text of [identity.sn, identity.mn, identity.fr, identity.subnqn]) {
          expect(text).toMatch(/^[\x20-\x7e]*$/);
        }
      }),
    );
  });

  test('is a namespace of numbers that arithmetic can bear', () => {
    fc.assert(
      fc.property(page, fc.nat(0xffff_ffff), (data, nsid) => {
        const { nsze, blockBytes } = parseNamespace(nsid, data);
        expect(nsze * BigInt(blockBytes)).toBeGreaterThanOrEqual(0n);
        expect(Math.log2(blockBytes) % 1).toBe(0);
      }),
    );
  });

  test('is a list of namespaces that ends', () => {
    fc.assert(
      fc.property(page, (data) => {
        const ids = parseNamespaceList(data);
        expect(ids.length).toBeLessThanOrEqual(1024);
        expect(ids).not.toContain(0);
      }),
    );
  });
});
