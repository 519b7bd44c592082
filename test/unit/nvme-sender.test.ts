// SPDX-License-Identifier: MIT
import { expect, test } from '@jest/globals';
import { adminName, type Command } from '../../lib/nvme/commands.js';
import { NvmeStatusError } from '../../lib/nvme/errors.js';
import { Sender, type SenderOwner } from '../../lib/nvme/sender.js';
import { FakeMemory, FakeQueue } from '../support/nvme.js';

const LIMIT = 16 * 1024;

class Pages extends FakeMemory {
  closed = false;
  readonly u8 = new Uint8Array(this.u32.buffer);
  [Symbol.dispose](): void {
    this.closed = true;
  }
}

/** A sender over a queue, and the memory that it allocated. */
function sending() {
  const fake = new FakeQueue(4);
  const allocated: Pages[] = [];
  const owner = {
    device: {
      allocDma(bytes: number) {
        const pages = new Pages(bytes, 0x1_0000n * BigInt(allocated.length + 1));
        allocated.push(pages);
        return pages;
      },
    },
    maxDataBytes: LIMIT,
    errorOf: (what: string, status: number) => new NvmeStatusError(what, status),
  } as unknown as SenderOwner;
  const sender = new Sender(owner, () => fake.queue, adminName);
  const complete = async (status = 0, result = 0) => {
    await Promise.resolve();
    fake.complete((fake.slot(0)[0] as number) >>> 16, status, result);
    fake.queue.poll();
  };
  return { fake, allocated, sender, complete };
}

test('bytes from the controller are copied when the command ends, and the memory is freed', async () => {
  const { fake, allocated, sender, complete } = sending();
  const data = new Uint8Array(100);
  const sent = sender.send({ opcode: 0x06, data });
  const [page] = allocated as [Pages];
  page.u8.fill(7);
  await complete(0, 42);
  expect(await sent).toBe(42);
  expect(fake.slot(0).slice(6, 10)).toEqual([0x1_0000, 0, 0, 0]);
  expect([page.closed, data.every((byte) => byte === 7), page.byteLength]).toEqual([
    true,
    true,
    4096,
  ]);
});

test('bytes for the controller are copied before the command, and stay as they are', async () => {
  const { allocated, sender, complete } = sending();
  const data = new Uint8Array([1, 2, 3, 4]);
  const sent = sender.send({ opcode: 0x09, data });
  const [page] = allocated as [Pages];
  expect(Array.from(page.u8.subarray(0, 5))).toEqual([1, 2, 3, 4, 0]);
  page.u8.fill(9);
  await complete();
  await sent;
  expect(Array.from(data)).toEqual([1, 2, 3, 4]);
});

test('bytes of more than two pages have a PRP list', async () => {
  const { fake, allocated, sender, complete } = sending();
  const sent = sender.send({ opcode: 0x02, data: new Uint8Array(3 * 4096) });
  const [data, list] = allocated as [Pages, Pages];
  expect(fake.slot(0).slice(6, 10)).toEqual([Number(data.address), 0, Number(list.address), 0]);
  expect([list.word(0), list.word(8)]).toEqual([data.address + 4096n, data.address + 8192n]);
  await complete();
  await sent;
  expect(list.closed).toBe(true);
});

test('memory of the device is used where it is, and no more of it than MDTS', async () => {
  const { fake, allocated, sender, complete } = sending();
  const data = new FakeMemory(2 * LIMIT, 0x50_0000n);
  const sent = sender.send({ opcode: 0x06, data, nsid: 5, cdw14: 14 });
  const [list] = allocated as [Pages];
  expect(fake.slot(0)).toMatchObject({ 1: 5, 6: 0x50_0000, 14: 14 });
  expect(list.word(16)).toBe(0x50_3000n);
  expect(list.word(24)).toBe(0n);
  await complete();
  await sent;
});

test('a command that fails says which, and frees its memory', async () => {
  const { allocated, sender, complete } = sending();
  const sent = sender.send({ opcode: 0x02, data: new Uint8Array(4) });
  await complete(0x4109);
  await expect(sent).rejects.toMatchObject({
    code: 'ERR_NVME_STATUS',
    message: 'GET_LOG_PAGE: Invalid Log Page',
  });
  expect(allocated.every(({ closed }) => closed)).toBe(true);
});

test.each<[string, Command]>([
  ['more than MDTS', { opcode: 0x02, data: new Uint8Array(LIMIT + 1) }],
  ['no bytes', { opcode: 0x02, data: new Uint8Array(0) }],
  ['bytes for a command without data', { opcode: 0x0c, data: new Uint8Array(4) }],
  ['an opcode that does not fit', { opcode: 256 }],
  ['a dword that does not fit', { opcode: 6, cdw15: 2 ** 32 }],
  ['a negative dword', { opcode: 6, cdw10: -1 }],
])('%s is refused before anything is sent', async (_, command) => {
  const { fake, sender } = sending();
  await expect(sender.send(command)).rejects.toBeInstanceOf(RangeError);
  expect(fake.doorbells.tails).toEqual([]);
});
