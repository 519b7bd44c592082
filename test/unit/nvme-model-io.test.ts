// SPDX-License-Identifier: MIT
// The model's I/O commands, against the NVM Command Set Specification 1.0. Each title begins with its section.
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { FileStorage, MemoryStorage } from '../../lib/models/nvme/index.js';
import { DATA, IOVA, ModelDriver, pattern, type RawCommand } from '../support/model-driver.js';

const FLUSH = 0;
const WRITE = 1;
const READ = 2;
const COMPARE = 5;
const WRITE_ZEROES = 8;
const DATASET_MANAGEMENT = 9;
const SUCCESS = 0;
const INVALID_FIELD = 0x002;
const INVALID_NAMESPACE = 0x00b;
const PRP_OFFSET_INVALID = 0x013;
const LBA_OUT_OF_RANGE = 0x080;
const BLOCKS = 2048;
const PAGE = 4096;
/** Where the tests put PRP lists: behind the data. */
const LIST = DATA + 0x40_0000n;

let medium: MemoryStorage;
let driver: ModelDriver;

beforeEach(() => {
  medium = new MemoryStorage(BLOCKS * 512);
  driver = new ModelDriver({ namespaces: [{ storage: medium }] });
  driver.enable();
  driver.createQueue();
});

function io(opcode: number, lba: number, blocks: number, more: Partial<RawCommand> = {}) {
  const cdw12 = blocks - 1;
  return driver.send(1, { opcode, nsid: 1, prp1: DATA, cdw10: lba, cdw12, ...more });
}

describe('3.2.6 Write and 3.2.4 Read', () => {
  test('move blocks', () => {
    const blocks = pattern(1024);
    driver.data(0, 1024).set(blocks);
    expect(io(WRITE, 7, 2)).toMatchObject({ status: SUCCESS, queue: 1, result: 0 });
    expect(medium.read(7 * 512, 1024)).toEqual(blocks);
    expect(medium.read(6 * 512, 512)).toEqual(new Uint8Array(512));
    expect(io(READ, 8, 1, { prp1: DATA + 0x2000n })).toMatchObject({ status: SUCCESS });
    expect(Buffer.from(driver.data(0x2000, 512))).toEqual(Buffer.from(blocks.subarray(512)));
    expect(driver.data(0x2000 + 512, 1)[0]).toBe(0);
  });

  test.each([
    ['past the end', BLOCKS, 1, {}],
    ['across the end', BLOCKS - 1, 2, {}],
    ['above 2^32', 0, 1, { cdw11: 1 }],
  ])('%s are out of range', (_, lba, blocks, more) => {
    for (const opcode of [READ, WRITE, COMPARE, WRITE_ZEROES]) {
      const completion = io(opcode, lba, blocks, more);
      expect(completion).toMatchObject({ status: LBA_OUT_OF_RANGE, doNotRetry: true });
    }
  });

  test('up to the last block succeed', () => {
    expect(io(READ, BLOCKS - 1, 1)).toMatchObject({ status: SUCCESS });
  });

  test.each([
    ['0', 0, INVALID_NAMESPACE],
    ['above NN', 17, INVALID_NAMESPACE],
    ['for all namespaces', 0xffff_ffff, INVALID_NAMESPACE],
    ['of an inactive namespace', 2, INVALID_FIELD],
  ])('with an identifier %s are refused', (_, nsid, status) => {
    expect(io(READ, 0, 1, { nsid })).toMatchObject({ status, doNotRetry: true });
  });

  test('of more than MDTS are refused', () => {
    expect(io(READ, 0, 257, { prp2: LIST })).toMatchObject({ status: INVALID_FIELD });
  });

  test('without MDTS are as long as NLB can say', () => {
    driver = new ModelDriver({ mdts: 0 });
    driver.enable();
    driver.createQueue();
    const at = Number(LIST - IOVA);
    for (let page = 0; page < 512; page++) {
      const next = page === 511 ? LIST + BigInt(PAGE) : DATA;
      driver.view.setBigUint64(at + 8 * page, next, true);
      driver.view.setBigUint64(at + PAGE + 8 * page, DATA, true);
    }
    expect(io(READ, 0, 8 * 600, { prp2: LIST })).toMatchObject({ status: SUCCESS });
  });

  test('of memory that is not mapped fail, and can be retried', () => {
    for (const opcode of [READ, WRITE, COMPARE]) {
      const completion = io(opcode, 0, 1, { prp1: IOVA - 512n });
      expect(completion).toMatchObject({ status: 0x004, doNotRetry: false });
    }
  });

  test('see a namespace that shrank, and one that went', () => {
    expect(io(READ, 100, 1)).toMatchObject({ status: SUCCESS });
    driver.model.namespaces.resize(1, 100);
    expect(io(READ, 100, 1)).toMatchObject({ status: LBA_OUT_OF_RANGE });
    expect(() => driver.model.namespaces.resize(1, BLOCKS + 1)).toThrow(RangeError);
    driver.model.namespaces.remove(1);
    expect(() => driver.model.namespaces.remove(1)).toThrow(RangeError);
    expect(io(READ, 0, 1)).toMatchObject({ status: INVALID_FIELD });
  });
});

describe('Base 4.1.1 PRPs', () => {
  /** Writes a list entry at a byte of the list memory. */
  const entry = (at: number, iova: bigint) =>
    driver.view.setBigUint64(Number(LIST - IOVA) + at, iova, true);

  test('the second page is PRP2', () => {
    const blocks = pattern(2 * PAGE - 512);
    driver.data(512, PAGE - 512).set(blocks.subarray(0, PAGE - 512));
    driver.data(5 * PAGE, PAGE).set(blocks.subarray(PAGE - 512));
    const pointers = { prp1: DATA + 512n, prp2: DATA + BigInt(5 * PAGE) };
    expect(io(WRITE, 0, 15, pointers)).toMatchObject({ status: SUCCESS });
    expect(medium.read(0, blocks.byteLength)).toEqual(blocks);
  });

  test('a list scatters pages, and starts anywhere in its page', () => {
    const blocks = pattern(4 * PAGE);
    medium.write(0, blocks);
    for (const [index, page] of [9, 2, 7].entries())
      entry(64 + 8 * index, DATA + BigInt(page * PAGE));
    expect(io(READ, 0, 32, { prp2: LIST + 64n })).toMatchObject({ status: SUCCESS });
    const read = [0, 9, 2, 7].map((page) => Buffer.from(driver.data(page * PAGE, PAGE)));
    expect(Buffer.concat(read)).toEqual(Buffer.from(blocks));
  });

  test('the last slot of a page points to the next page of the list', () => {
    const blocks = pattern(5 * PAGE);
    medium.write(0, blocks);
    // Two slots in the first page: an entry, and the pointer.
    entry(PAGE - 16, DATA + BigInt(PAGE));
    entry(PAGE - 8, LIST + BigInt(PAGE));
    for (const index of [0, 1, 2]) entry(PAGE + 8 * index, DATA + BigInt((index + 2) * PAGE));
    const completion = io(READ, 0, 40, { prp2: LIST + BigInt(PAGE - 16) });
    expect(completion).toMatchObject({ status: SUCCESS });
    expect(Buffer.from(driver.data(0, 5 * PAGE))).toEqual(Buffer.from(blocks));
  });

  test('a list that just fits has no pointer', () => {
    medium.write(0, pattern(3 * PAGE));
    entry(PAGE - 16, DATA + BigInt(PAGE));
    entry(PAGE - 8, DATA + BigInt(2 * PAGE));
    expect(io(READ, 0, 24, { prp2: LIST + BigInt(PAGE - 16) })).toMatchObject({ status: SUCCESS });
    expect(Buffer.from(driver.data(2 * PAGE, PAGE))).toEqual(
      Buffer.from(medium.read(2 * PAGE, PAGE)),
    );
  });

  test.each([
    ['data off a dword', { prp1: DATA + 2n }, 1],
    ['a second page with an offset', { prp2: DATA + 8n }, 16],
    ['a list off a qword', { prp2: LIST + 0x3004n }, 24],
    ['a list entry with an offset', { prp2: LIST }, 24],
    ['a next list page with an offset', { prp2: LIST + BigInt(PAGE - 8) }, 24],
  ])('%s is refused', (_, pointers, blocks) => {
    entry(0, DATA + 4n);
    entry(PAGE - 8, LIST + 8n);
    const completion = io(READ, 0, blocks, pointers);
    expect(completion).toMatchObject({ status: PRP_OFFSET_INVALID, doNotRetry: true });
  });

  test('a list that is not mapped fails', () => {
    expect(io(READ, 0, 24, { prp2: IOVA - BigInt(PAGE) })).toMatchObject({ status: 0x004 });
  });
});

test('3.2.1 Compare succeeds on equal data alone', () => {
  medium.write(512, pattern(512));
  driver.data(0, 512).set(pattern(512));
  expect(io(COMPARE, 1, 1)).toMatchObject({ status: SUCCESS });
  driver.data(511, 1)[0] = 0;
  expect(io(COMPARE, 1, 1)).toMatchObject({ status: 0x285, doNotRetry: true });
});

test('3.2.8 Write Zeroes clears its blocks, and MDTS does not limit it', () => {
  medium.write(0, pattern(1024 * 512));
  expect(io(WRITE_ZEROES, 1, 1000)).toMatchObject({ status: SUCCESS });
  expect(medium.read(512, 1000 * 512).every((byte) => byte === 0)).toBe(true);
  expect([medium.data[511], medium.data[1001 * 512]]).not.toContain(0);
});

describe('3.2.3 Dataset Management', () => {
  const DEALLOCATE = 4;
  const deallocate = (ranges: [lba: number, blocks: number][], cdw11 = DEALLOCATE) => {
    const at = Number(DATA - IOVA);
    for (const [index, [lba, blocks]] of ranges.entries()) {
      driver.view.setUint32(at + 16 * index + 4, blocks, true);
      driver.view.setBigUint64(at + 16 * index + 8, BigInt(lba), true);
    }
    const cdw10 = ranges.length - 1;
    return driver.send(1, { opcode: DATASET_MANAGEMENT, nsid: 1, prp1: DATA, cdw10, cdw11 });
  };
  const cleared = () => [1, 2, 3, 4].map((lba) => medium.data[lba * 512] === 0);

  beforeEach(() => medium.write(0, pattern(8 * 512)));

  test('deallocates its ranges', () => {
    expect(
      deallocate([
        [1, 1],
        [3, 1],
      ]),
    ).toMatchObject({ status: SUCCESS });
    expect(cleared()).toEqual([true, false, true, false]);
  });

  test('without the attribute changes nothing', () => {
    expect(deallocate([[1, 1]], 0)).toMatchObject({ status: SUCCESS });
    expect(cleared()).toEqual([false, false, false, false]);
  });

  test('changes nothing if a range is wrong', () => {
    const completion = deallocate([
      [1, 1],
      [BLOCKS, 1],
    ]);
    expect(completion).toMatchObject({ status: LBA_OUT_OF_RANGE });
    expect(cleared()).toEqual([false, false, false, false]);
  });
});

test('Base 7.1 Flush reaches the storage, of one namespace or of all', () => {
  const other = new MemoryStorage(4096);
  driver.model.namespaces.add({ storage: other });
  driver.send(1, { opcode: FLUSH, nsid: 1 });
  expect([medium.flushes, other.flushes]).toEqual([1, 0]);
  driver.send(1, { opcode: FLUSH, nsid: 0xffff_ffff });
  expect([medium.flushes, other.flushes]).toEqual([2, 1]);
  expect(driver.send(1, { opcode: FLUSH, nsid: 3 })).toMatchObject({ status: INVALID_FIELD });
});

test('an unknown opcode is refused', () => {
  expect(driver.send(1, { opcode: 0x7f, nsid: 1 })).toMatchObject({ status: 1, doNotRetry: true });
});

describe('a namespace on a file', () => {
  test('keeps what was written, and reports an error of the file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'vfio-model-'));
    try {
      const path = join(folder, 'disk');
      writeFileSync(path, '');
      truncateSync(path, 1024 * 1024);
      const storage = new FileStorage(path);
      const { nsid } = driver.model.namespaces.add({ storage, blockBytes: 4096 });
      driver.data(0, 4096).set(pattern(4096));
      expect(io(WRITE, 2, 1, { nsid })).toMatchObject({ status: SUCCESS });
      expect(driver.send(1, { opcode: FLUSH, nsid })).toMatchObject({ status: SUCCESS });
      expect(readFileSync(path).subarray(8192, 12_288)).toEqual(Buffer.from(pattern(4096)));
      truncateSync(path, 0);
      expect(io(READ, 2, 1, { nsid, prp1: DATA })).toMatchObject({ status: SUCCESS });
      expect(driver.data(0, 4096).every((byte) => byte === 0)).toBe(true);
      driver.model.close();
      driver.model.close();
      driver.enable();
      driver.createQueue();
      driver.model.namespaces.add({ nsid, storage, blockBytes: 4096 });
      expect(io(READ, 2, 1, { nsid })).toMatchObject({ status: 0x006, doNotRetry: false });
      driver.model.namespaces.remove(nsid);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
