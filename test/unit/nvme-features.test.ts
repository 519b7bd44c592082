// SPDX-License-Identifier: MIT
import { expect, test } from '@jest/globals';
import type { Command } from '../../lib/nvme/commands.js';
import { Features, getFeature, parseCapabilities, setFeature } from '../../lib/nvme/features.js';

test('Get Features has FID and SEL in CDW10, and what chooses a value in CDW11', () => {
  expect(getFeature('VOLATILE_WRITE_CACHE')).toEqual({ opcode: 0x0a, nsid: 0, cdw10: 6, cdw11: 0 });
  const which = { TMPSEL: 1, THSEL: 1 };
  expect(getFeature('TEMPERATURE_THRESHOLD', { select: 'saved', nsid: 9, which })).toEqual({
    opcode: 0x0a,
    nsid: 9,
    cdw10: 0x204,
    cdw11: 0x0011_0000,
  });
});

test('Set Features has the fields in CDW11, and SV in bit 31', () => {
  // NSQR is 4 and NCQR is 2: both are one less than the number.
  expect(setFeature('NUMBER_OF_QUEUES', { NSQ: 4, NCQ: 2 })).toEqual({
    opcode: 0x09,
    nsid: 0,
    cdw10: 7,
    cdw11: 0x0002_0004,
  });
  expect(setFeature('ARBITRATION', { AB: 7, HPW: 255 }, { save: true })).toMatchObject({
    cdw10: 0x8000_0001,
    cdw11: 0xff00_0007,
  });
  expect(() => setFeature('VOLATILE_WRITE_CACHE', { WCE: 2 })).toThrow(RangeError);
});

test('answers are fields', async () => {
  const sent: Command[] = [];
  const features = new Features(async (command) => {
    sent.push(command);
    return 0x0000_0105;
  });
  expect(await features.get('ASYNCHRONOUS_EVENT_CONFIGURATION')).toMatchObject({ SHCW: 5, NAN: 1 });
  expect(await features.set('NUMBER_OF_QUEUES', { NSQ: 1 })).toEqual({ NSQ: 0x105, NCQ: 0 });
  expect(await features.capabilities('ARBITRATION')).toEqual(parseCapabilities(5));
  expect(sent.map(({ cdw10 }) => cdw10)).toEqual([0x0b, 0x07, 0x301]);
});

test('capabilities', () => {
  expect(parseCapabilities(0)).toEqual({
    saveable: false,
    namespaceSpecific: false,
    changeable: false,
  });
  expect(parseCapabilities(6)).toEqual({
    saveable: false,
    namespaceSpecific: true,
    changeable: true,
  });
});
