// SPDX-License-Identifier: MIT
import { expect, test } from '@jest/globals';
import {
  createCompletionQueue,
  createSubmissionQueue,
  deleteCompletionQueue,
  deleteSubmissionQueue,
  identify,
  putCommand,
  setNumberOfQueues,
} from '../../lib/nvme/commands.js';

const data = { prp1Low: 0x1000, prp1High: 0x1, prp2Low: 0x2000, prp2High: 0x2 };

test('a submission queue entry has its dwords where figure 87 puts them', () => {
  const sq = new Uint32Array(48);
  putCommand(sq, 16, 0xbeef, 0x02, 7, data, 0x89ab_cdef, 0x4, 0x1f);
  expect(Array.from(sq.subarray(16, 32))).toEqual([
    ...[0xbeef_0002, 7, 0, 0, 0, 0], // CDW0, NSID, reserved, reserved, MPTR
    ...[0x1000, 0x1, 0x2000, 0x2], // PRP1, PRP2
    ...[0x89ab_cdef, 0x4, 0x1f, 0, 0, 0], // CDW10 to CDW15
  ]);
});

test('a submission queue entry touches no other slot', () => {
  const sq = new Uint32Array(48);
  putCommand(sq, 16, 0xffff, 0xff, 0xffff_ffff, data, 1, 1, 1);
  expect(sq.subarray(0, 16).every((dword) => dword === 0)).toBe(true);
  expect(sq.subarray(32).every((dword) => dword === 0)).toBe(true);
});

test('the bytes of an entry, little-endian', () => {
  const sq = new Uint32Array(16);
  putCommand(sq, 0, 0x0102, 0x06, 0, data, 1, 0, 0);
  expect(Array.from(new Uint8Array(sq.buffer).subarray(0, 4))).toEqual([0x06, 0x00, 0x02, 0x01]);
});

test('admin commands', () => {
  expect(identify(1)).toEqual({ opcode: 0x06, nsid: 0, cdw10: 1 });
  expect(identify(0, 5)).toEqual({ opcode: 0x06, nsid: 5, cdw10: 0 });
  // NSQR is 4 and NCQR is 2: both are one less than the number.
  expect(setNumberOfQueues(5, 3)).toEqual({ opcode: 0x09, cdw10: 7, cdw11: 0x0002_0004 });
  // CDW10: QSIZE is 63 and QID is 1. CDW11: IV is 1, IEN and PC are set.
  expect(createCompletionQueue(1, 64, 1)).toEqual({
    opcode: 0x05,
    cdw10: 0x003f_0001,
    cdw11: 0x0001_0003,
  });
  // CDW11: CQID is 1, PC is set.
  expect(createSubmissionQueue(1, 64)).toEqual({
    opcode: 0x01,
    cdw10: 0x003f_0001,
    cdw11: 0x0001_0001,
  });
  expect(deleteSubmissionQueue(3)).toEqual({ opcode: 0x00, cdw10: 3 });
  expect(deleteCompletionQueue(3)).toEqual({ opcode: 0x04, cdw10: 3 });
});
