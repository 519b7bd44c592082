// SPDX-License-Identifier: MIT
import { expect, test } from '@jest/globals';
import {
  createCompletionQueue,
  createSubmissionQueue,
  deleteCompletionQueue,
  deleteSubmissionQueue,
  identify,
  setNumberOfQueues,
} from '../../lib/nvme/commands.js';

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
