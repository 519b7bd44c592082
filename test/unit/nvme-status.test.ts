// SPDX-License-Identifier: MIT
import { expect, test } from '@jest/globals';
import { NvmeStatusError } from '../../lib/nvme/errors.js';
import { ABORTED_BY_HOST, doNotRetry, statusName } from '../../lib/nvme/status.js';

test('statuses have the names of the specification', () => {
  expect(statusName(0x000)).toBe('Successful Completion');
  expect(statusName(0x001)).toBe('Invalid Command Opcode');
  expect(statusName(0x080)).toBe('LBA Out of Range');
  expect(statusName(0x101)).toBe('Invalid Queue Identifier');
  expect(statusName(0x281)).toBe('Unrecovered Read Error');
  expect(statusName(ABORTED_BY_HOST)).toBe('Command Aborted By Host');
});

test('retry delay, More and Do Not Retry do not change the name', () => {
  expect(statusName(0x7880)).toBe('LBA Out of Range');
  expect(doNotRetry(0x4080)).toBe(true);
  expect(doNotRetry(0x3880)).toBe(false);
});

test('statuses without a name say type and code', () => {
  expect(statusName(0x0ff)).toBe('Generic Command Status 0xff');
  expect(statusName(0x7c1)).toBe('Vendor Specific 0xc1');
  expect(statusName(0x501)).toBe('Status Code Type 5 0x01');
});

test('the error of a command says what, and why', () => {
  const error = new NvmeStatusError('READ of 8 blocks at LBA 5', 0x4080);
  expect(error).toMatchObject({
    code: 'ERR_NVME_STATUS',
    message: 'READ of 8 blocks at LBA 5: LBA Out of Range',
    status: 0x4080,
    statusName: 'LBA Out of Range',
    doNotRetry: true,
  });
});
