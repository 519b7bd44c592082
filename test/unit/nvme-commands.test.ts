// SPDX-License-Identifier: MIT
import { expect, test } from '@jest/globals';
import {
  abort,
  adminName,
  createCompletionQueue,
  createSubmissionQueue,
  deleteCompletionQueue,
  deleteSubmissionQueue,
  directionOf,
  identify,
  nvmName,
  putRareDwords,
} from '../../lib/nvme/commands.js';
import { FakeMemory } from '../support/nvme.js';

test('admin commands', () => {
  expect(identify(1)).toEqual({ opcode: 0x06, nsid: 0, cdw10: 1 });
  expect(identify(0, 5)).toEqual({ opcode: 0x06, nsid: 5, cdw10: 0 });
  const ring = new FakeMemory(8192, 0x7_0000_3000n);
  // CDW10: QSIZE is 63 and QID is 1. CDW11: IV is 1, IEN and PC are set.
  const completion = createCompletionQueue(1, 64, 1, ring);
  expect(completion).toMatchObject({ opcode: 0x05, cdw10: 0x003f_0001, cdw11: 0x0001_0003 });
  // Without interrupts, only PC is set.
  expect(createCompletionQueue(1, 64, false, ring).cdw11).toBe(1);
  // CDW11: CQID is 1, PC is set.
  const submission = createSubmissionQueue(1, 64, ring);
  expect(submission).toMatchObject({ opcode: 0x01, cdw10: 0x003f_0001, cdw11: 0x0001_0001 });
  // Only PRP1 points to the ring, because it is contiguous.
  const { data } = submission as unknown as { data: FakeMemory };
  expect([data.byteLength, data.low(0), data.high(0)]).toEqual([4096, 0x3000, 7]);
  expect(abort(1, 0xffff)).toEqual({ opcode: 0x08, cdw10: 0xffff_0001 });
  expect(deleteSubmissionQueue(3)).toEqual({ opcode: 0x00, cdw10: 3 });
  expect(deleteCompletionQueue(3)).toEqual({ opcode: 0x04, cdw10: 3 });
});

test('the dwords that few commands use', () => {
  const sq = new Uint32Array(32);
  const metadata = new FakeMemory(64, 0x9_0000_0040n);
  const rest = { cdw13: 13, cdw14: 14, cdw15: 0xffff_ffff };
  expect(putRareDwords(sq, 16, { cdw2: 2, cdw3: 3, metadata, ...rest })).toBe(true);
  expect(Array.from(sq.subarray(16))).toEqual([
    ...[0, 0, 2, 3, 0x40, 9, 0, 0],
    ...[0, 0, 0, 0, 0, 13, 14, 0xffff_ffff],
  ]);
  expect(putRareDwords(sq, 16, {})).toBe(false);
  expect(sq.every((dword) => dword === 0)).toBe(true);
});

test('the opcode says which way the data goes, unless the command does', () => {
  const ways = [0x00, 0x09, 0x06, 0xc3].map((opcode) => directionOf({ opcode }));
  expect(ways).toEqual(['none', 'toController', 'fromController', 'both']);
  expect(directionOf({ opcode: 0x09, direction: 'fromController' })).toBe('fromController');
});

test('commands have names in messages', () => {
  expect([adminName(0x02), adminName(0xc1)]).toEqual(['GET_LOG_PAGE', 'Admin command 0xc1']);
  expect([nvmName(0x02), nvmName(0x7f)]).toEqual(['READ', 'I/O command 0x7f']);
});
