// SPDX-License-Identifier: MIT
import { describe, expect, test } from '@jest/globals';
import { type NvmeError, NvmeStatusError } from '../../lib/nvme/errors.js';
import { Namespace } from '../../lib/nvme/namespace.js';
import { FakeMemory, FakeQueue } from '../support/nvme.js';
import { turn } from '../support/turn.js';

const BLOCK = 512;
const MAX_TRANSFER = 64 * 1024;
const BLOCKS = 2n ** 40n;

/** A namespace whose commands go to a fake queue. */
function makeNamespace({ entries = 8, metadataBytes = 0, blockBytes = BLOCK, noiob = 0 } = {}) {
  const fake = new FakeQueue(entries);
  const lists = new FakeMemory(entries * 4096, 0x7000_0000n);
  const owner = {
    io: { queue: fake.queue, lists, listBytes: 4096, maxTransferBytes: MAX_TRANSFER },
    errorOf: (what: string, status: number): NvmeError => new NvmeStatusError(what, status),
  };
  const sizes = { nsze: BLOCKS, ncap: BLOCKS, nuse: 0n };
  const others = { nsfeat: 0, noiob, nguid: '', eui64: '' };
  const namespace = new Namespace(owner, {
    nsid: 3,
    ...sizes,
    ...others,
    blockBytes,
    metadataBytes,
  });
  return { fake, namespace, lists, owner };
}

/** Acts as the device: completes the submitted commands, slot after slot. Returns how many there were. */
function completeAll(fake: FakeQueue, status: (lba: number) => number = () => 0): number {
  const from = completed.get(fake) ?? 0;
  const to = fake.doorbells.tails.at(-1) ?? 0;
  let count = 0;
  for (let slot = from; slot !== to; slot = (slot + 1) % fake.entries) {
    const [cdw0 = 0, , , , , , , , , , lba = 0] = fake.slot(slot);
    fake.complete(cdw0 >>> 16, status(lba));
    count++;
  }
  completed.set(fake, to);
  fake.queue.poll();
  return count;
}
const completed = new WeakMap<FakeQueue, number>();

const memory = new FakeMemory(2 ** 20, 0x1_0000_0000n);

describe('one command', () => {
  test('has the blocks in CDW10 to CDW12, NLB being 0 for one', () => {
    const { fake, namespace } = makeNamespace();
    namespace.submitRead(0x5_8000_0001, memory, 4096, BLOCK, () => {});
    expect(fake.slot(0)).toEqual([
      ...[0x02, 3, 0, 0, 0, 0, 0x1000, 1, 0, 0],
      ...[0x8000_0001, 5, 0, 0, 0, 0],
    ]);
    namespace.submitWrite(8, memory, 0, 4 * BLOCK, () => {});
    expect(fake.slot(1).slice(10, 13)).toEqual([8, 0, 3]);
    expect((fake.slot(1)[0] as number) & 0xff).toBe(0x01);
  });

  test('uses the list page of its own identifier', () => {
    const { fake, namespace } = makeNamespace();
    namespace.submitRead(0, memory, 0, MAX_TRANSFER, () => {});
    namespace.submitRead(0, memory, 0, MAX_TRANSFER, () => {});
    const pages = [fake.slot(0), fake.slot(1)].map(([cdw0 = 0, , , , , , , , prp2]) => [
      cdw0 >>> 16,
      prp2,
    ]);
    expect(pages).toEqual([
      [0, 0x7000_0000],
      [1, 0x7000_1000],
    ]);
  });

  test('flush carries no data and no blocks', () => {
    const { fake, namespace } = makeNamespace();
    namespace.submitRead(9, memory, 0, MAX_TRANSFER, () => {});
    namespace.submitFlush(() => {});
    expect(fake.slot(1).slice(1)).toEqual([3, ...new Array(14).fill(0)]);
  });

  test('is not told to the controller before ring', () => {
    const { fake, namespace } = makeNamespace();
    namespace.submitRead(0, memory, 0, BLOCK, () => {});
    expect(fake.doorbells.tails).toEqual([]);
    namespace.ring();
    expect(fake.doorbells.tails).toEqual([1]);
  });
});

describe('arguments', () => {
  const wrong: [string, number, number, number][] = [
    ['a block that is not whole', 1.5, 0, BLOCK],
    ['a negative block', -1, 0, BLOCK],
    ['a block past 2^53', 2 ** 53, 0, BLOCK],
    ['no bytes', 0, 0, 0],
    ['less than a block', 0, 0, 100],
    ['NaN bytes', 0, 0, Number.NaN],
    ['bytes past the end of the memory', 0, 2 ** 20 - BLOCK, 2 * BLOCK],
    ['a negative offset', 0, -512, BLOCK],
    ['an offset that is not of whole dwords', 0, 2, BLOCK],
    ['a NaN offset', 0, Number.NaN, BLOCK],
    ['half a byte more', 0, 0, BLOCK + 0.5],
    ['a half offset', 0, 0.5, BLOCK],
    ['the block after the last', 2 ** 40, 0, BLOCK],
    ['blocks past the end of the namespace', 2 ** 40 - 1, 0, 2 * BLOCK],
  ];
  test.each(wrong)('%s is refused and submits nothing', async (_, lba, offset, bytes) => {
    const { fake, namespace } = makeNamespace();
    expect(() => namespace.submitRead(lba, memory, offset, bytes, () => {})).toThrow(RangeError);
    await expect(namespace.write(lba, memory, offset, bytes)).rejects.toThrow(RangeError);
    expect(fake.queue.inFlight).toBe(0);
  });

  test('the last block is read', () => {
    const { fake, namespace } = makeNamespace();
    namespace.submitRead(2 ** 40 - 1, memory, 2 ** 20 - BLOCK, BLOCK, () => {});
    expect(fake.slot(0).slice(10, 13)).toEqual([0xffff_ffff, 0xff, 0]);
  });

  test('more than one command can move is refused by submit', () => {
    const { namespace } = makeNamespace();
    const bytes = MAX_TRANSFER + BLOCK;
    expect(() => namespace.submitRead(0, memory, 0, bytes, () => {})).toThrow(RangeError);
  });

  test('a full queue is said by submit', () => {
    const { namespace } = makeNamespace({ entries: 2 });
    namespace.submitRead(0, memory, 0, BLOCK, () => {});
    expect(() => namespace.submitRead(0, memory, 0, BLOCK, () => {})).toThrow('is full');
  });

  test.each([{ metadataBytes: 8 }, { blockBytes: 1 }])(
    'a namespace with a format of %o is refused',
    (format) => {
      const { namespace } = makeNamespace(format);
      expect(() => namespace.submitRead(0, memory, 0, BLOCK, () => {})).toThrow(
        expect.objectContaining({ code: 'ERR_NVME_UNSUPPORTED' }),
      );
    },
  );
});

describe('promises', () => {
  test('of one turn share a doorbell, also if each is made after an await', async () => {
    const { fake, namespace } = makeNamespace();
    const later = async (awaits: number) => {
      for (let i = 0; i < awaits; i++) await null;
      await namespace.read(0, memory, 0, BLOCK);
    };
    const reads = [later(0), later(1), later(2), later(3)];
    await turn();
    expect(fake.doorbells.tails).toEqual([4]);
    completeAll(fake);
    await Promise.all(reads);
  });

  test('a long read is split, and rung once', async () => {
    const { fake, namespace } = makeNamespace();
    const reading = namespace.read(100, memory, 512, 2 * MAX_TRANSFER + BLOCK);
    await turn();
    expect(fake.doorbells.tails).toEqual([3]);
    const parts = [0, 1, 2].map((slot) => {
      const dwords = fake.slot(slot);
      return [dwords[6], dwords[10], dwords[12]];
    });
    expect(parts).toEqual([
      [512, 100, 127],
      [512 + MAX_TRANSFER, 228, 127],
      [512 + 2 * MAX_TRANSFER, 356, 0],
    ]);
    completeAll(fake);
    await reading;
  });

  test('a transfer longer than the queue waits for room', async () => {
    const { fake, namespace } = makeNamespace({ entries: 4 });
    const writing = namespace.write(0, memory);
    let commands = 0;
    for (let i = 0; i < 20; i++) {
      await turn();
      commands += completeAll(fake);
    }
    await writing;
    expect(commands).toBe(2 ** 20 / MAX_TRANSFER);
  });

  test('two transfers share a queue without losing a slot to each other', async () => {
    const { fake, namespace } = makeNamespace({ entries: 4 });
    const both = Promise.all([namespace.write(0, memory), namespace.read(5, memory)]);
    for (let i = 0; i < 40; i++) {
      await turn();
      completeAll(fake);
    }
    await both;
    expect(fake.queue.inFlight).toBe(0);
  });

  test('an error rejects only when the other parts have ended', async () => {
    const { fake, namespace } = makeNamespace();
    let settled = false;
    const reading = namespace.read(0, memory, 0, 3 * MAX_TRANSFER);
    const outcome = reading.catch((error: unknown) => {
      settled = true;
      return error;
    });
    await turn();
    fake.complete(0, 0x4080);
    fake.queue.poll();
    await turn();
    expect(settled).toBe(false);
    fake.complete(1);
    fake.complete(2);
    fake.queue.poll();
    expect(await outcome).toMatchObject({
      code: 'ERR_NVME_STATUS',
      statusName: 'LBA Out of Range',
      message: 'READ of 384 blocks at LBA 0: LBA Out of Range',
    });
  });

  test('an abort ends a transfer that waits for room', async () => {
    const { fake, namespace } = makeNamespace({ entries: 2 });
    const writing = namespace.write(0, memory);
    await turn();
    fake.queue.abortAll();
    await expect(writing).rejects.toMatchObject({ statusName: 'Command Aborted By Host' });
  });

  test('flush waits for its completion', async () => {
    const { fake, namespace } = makeNamespace();
    const flushing = namespace.flush();
    await turn();
    expect(completeAll(fake)).toBe(1);
    await flushing;
  });

  test('flush reports its status', async () => {
    const { fake, namespace } = makeNamespace();
    const flushing = namespace.flush();
    await turn();
    completeAll(fake, () => 0x06);
    await expect(flushing).rejects.toMatchObject({ message: 'FLUSH: Internal Error' });
  });
});

describe('NVM 3.2 commands without a callback form', () => {
  test('3.2.1 Compare is a transfer of its own opcode', async () => {
    const { fake, namespace } = makeNamespace();
    const comparing = namespace.compare(7, memory, 0, 2 * BLOCK);
    await turn();
    expect(fake.slot(0)).toEqual([5, 3, 0, 0, 0, 0, 0, 1, 0, 0, 7, 0, 1, 0, 0, 0]);
    completeAll(fake, () => 0x285);
    await expect(comparing).rejects.toMatchObject({
      statusName: 'Compare Failure',
      message: 'COMPARE of 2 blocks at LBA 7: Compare Failure',
    });
  });

  test('3.2.8 Write Zeroes has no data, and is one command for each 65,536 blocks', async () => {
    const { fake, namespace } = makeNamespace();
    const writing = namespace.writeZeroes(2 ** 33 + 5, 0x10000 + 3, { deallocate: true });
    await turn();
    expect(fake.slot(0)).toEqual([8, 3, ...Array(8).fill(0), 5, 2, 0x0200_ffff, 0, 0, 0]);
    completeAll(fake);
    await turn();
    expect(fake.slot(1).slice(10)).toEqual([0x1_0005, 2, 0x0200_0002, 0, 0, 0]);
    completeAll(fake);
    await writing;
    const failing = namespace.writeZeroes(1, 1);
    await turn();
    expect(fake.slot(2).slice(10, 13)).toEqual([1, 0, 0]);
    completeAll(fake, () => 1);
    await expect(failing).rejects.toMatchObject({
      message: 'WRITE_ZEROES of 1 blocks at LBA 1: Invalid Command Opcode',
    });
  });

  test('3.2.3 Dataset Management has its ranges in the list page of its identifier', async () => {
    const { fake, namespace, lists } = makeNamespace();
    const first = namespace.flush();
    const ranges = [
      { lba: 1, blocks: 2 },
      { lba: 2 ** 39, blocks: 0xffff_ffff },
    ];
    const deallocating = namespace.deallocate(ranges);
    await turn();
    const page = 0x7000_1000; // that of identifier 1
    expect(fake.slot(1)).toEqual([0x1_0009, 3, 0, 0, 0, 0, page, 0, 0, 0, 1, 4, 0, 0, 0, 0]);
    expect(Array.from(lists.u32.subarray(1024, 1032))).toEqual([
      ...[0, 2, 1, 0],
      ...[0, 0xffff_ffff, 0, 0x80],
    ]);
    completeAll(fake);
    await Promise.all([first, deallocating]);
  });

  test.each<[string, (namespace: Namespace) => Promise<void>]>([
    ['zeroes of no blocks', (namespace) => namespace.writeZeroes(0, 0)],
    ['zeroes of half a block', (namespace) => namespace.writeZeroes(0, 0.5)],
    ['zeroes before the first block', (namespace) => namespace.writeZeroes(-1, 1)],
    ['zeroes past the end', (namespace) => namespace.writeZeroes(2 ** 40 - 1, 2)],
    ['no ranges', (namespace) => namespace.deallocate([])],
    ['257 ranges', (namespace) => namespace.deallocate(Array(257).fill({ lba: 0, blocks: 1 }))],
    ['a range past the end', (namespace) => namespace.deallocate([{ lba: 2 ** 40, blocks: 1 }])],
    ['a range of 2^32 blocks', (namespace) => namespace.deallocate([{ lba: 0, blocks: 2 ** 32 }])],
    ['a comparison of no bytes', (namespace) => namespace.compare(0, memory, 0, 0)],
  ])('%s are refused and submit nothing', async (_, call) => {
    const { fake, namespace } = makeNamespace();
    await expect(call(namespace)).rejects.toThrow(RangeError);
    expect(fake.queue.inFlight).toBe(0);
  });

  test('more ranges than the memory of a command holds are refused', async () => {
    const { fake, owner } = makeNamespace();
    const io = { ...owner.io, listBytes: 16 };
    const identity = makeNamespace().namespace.identity;
    const namespace = new Namespace({ ...owner, io }, identity);
    const ranges = [
      { lba: 0, blocks: 1 },
      { lba: 9, blocks: 1 },
    ];
    await expect(namespace.deallocate(ranges)).rejects.toMatchObject({
      code: 'ERR_NVME_UNSUPPORTED',
      hint: expect.stringContaining('maxTransferBytes'),
    });
    expect(fake.queue.inFlight).toBe(0);
  });
});

describe('NOIOB of Identify Namespace', () => {
  test('splits a transfer where it crosses a boundary', async () => {
    const { fake, namespace } = makeNamespace({ noiob: 8 });
    const reading = namespace.read(6, memory, 0, 20 * BLOCK);
    await turn();
    const parts = [0, 1, 2, 3].map((slot) => fake.slot(slot));
    expect(parts.map((dwords) => [dwords[10], dwords[12]])).toEqual([
      [6, 1],
      [8, 7],
      [16, 7],
      [24, 1],
    ]);
    expect(fake.doorbells.tails).toEqual([4]);
    completeAll(fake);
    await reading;
  });

  test('leaves a transfer whole that ends at a boundary', async () => {
    const { fake, namespace } = makeNamespace({ noiob: 8 });
    const writing = namespace.write(8, memory, 0, 8 * BLOCK);
    await turn();
    expect([fake.doorbells.tails, fake.slot(0)[12]]).toEqual([[1], 7]);
    completeAll(fake);
    await writing;
  });
});
