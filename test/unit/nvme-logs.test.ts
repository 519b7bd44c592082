// SPDX-License-Identifier: MIT
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Command } from '../../lib/nvme/commands.js';
import {
  parseChangedNamespaces,
  parseEffects,
  parseErrors,
  parseFirmwareSlots,
  parseHealth,
} from '../../lib/nvme/log-pages.js';
import { getLogPage, Logs } from '../../lib/nvme/logs.js';

describe('Get Log Page', () => {
  test('has its fields where figures 197 to 201 put them', () => {
    const options = {
      nsid: 1,
      lsp: 0x7f,
      lsi: 0x1234,
      csi: 2,
      offset: 0x5_0000_0008,
      retainEvent: true,
    };
    expect(getLogPage(0x02, 2 ** 20, options)).toEqual({
      opcode: 0x02,
      nsid: 1,
      cdw10: 0xffff_ff02,
      cdw11: 0x1234_0003,
      cdw12: 8,
      cdw13: 5,
      cdw14: 0x0200_0000,
    });
    expect(getLogPage(0x01, 64)).toMatchObject({ nsid: 0xffff_ffff, cdw10: 0x000f_0001, cdw11: 0 });
  });
});

describe('a log page', () => {
  /** A controller whose log page has the number of each dword. */
  function logs(lpa: number, maxDataBytes: number) {
    const sent: Command[] = [];
    const admin = async (command: Command) => {
      sent.push(command);
      const data = command.data as Uint8Array;
      const first = (command.cdw12 ?? 0) / 4;
      data.set(
        new Uint8Array(Uint32Array.from({ length: data.length / 4 }, (_, i) => first + i).buffer),
      );
      return 0;
    };
    return { sent, logs: new Logs({ identity: { lpa, elpe: 3 }, maxDataBytes, admin }) };
  }

  test('longer than MDTS is read in parts, of which the last clears the event', async () => {
    const { sent, logs: read } = logs(4, 4096);
    const page = await read.read(0x02, 10_000, { offset: 8 });
    expect(Array.from(new Uint32Array(page.buffer))).toEqual(
      Array.from({ length: 2500 }, (_, i) => i + 2),
    );
    expect(sent.map(({ cdw12 }) => cdw12)).toEqual([8, 4104, 8200]);
    expect(sent.map(({ cdw10 = 0 }) => (cdw10 >>> 15) & 1)).toEqual([1, 1, 0]);
  });

  test('keeps its event if that is wanted', async () => {
    const { sent, logs: read } = logs(4, 4096);
    await read.read(0x02, 512, { retainEvent: true });
    expect(((sent[0]?.cdw10 ?? 0) >>> 15) & 1).toBe(1);
  });

  test('is refused if it needs offsets that the controller does not have', async () => {
    const { sent, logs: read } = logs(0, 4096);
    const lacking = { code: 'ERR_NVME_UNSUPPORTED', message: expect.stringContaining('LPA bit 2') };
    await expect(read.read(0x07, 8192)).rejects.toMatchObject(lacking);
    await expect(read.read(0x07, 4, { offset: 4 })).rejects.toMatchObject(lacking);
    expect(sent).toEqual([]);
    await read.read(0x07, 4096);
  });

  test.each([
    [0, 0],
    [6, 0],
    [4, -4],
    [4, 2],
    [Number.NaN, 0],
  ])('of %d bytes at %d is refused', async (bytes, offset) => {
    await expect(logs(4, 4096).logs.read(2, bytes, { offset })).rejects.toBeInstanceOf(RangeError);
  });

  test('of errors has as many entries as ELPE says', async () => {
    const { sent, logs: read } = logs(4, 4096);
    await read.errors();
    expect(sent[0]).toMatchObject({ data: { length: 4 * 64 } });
  });
});

test('Error Information is as figure 206 says, and ends with an unused entry', () => {
  const data = Buffer.alloc(3 * 64);
  data.writeBigUInt64LE(7n, 0);
  data.writeUInt16LE(1, 8);
  data.writeUInt16LE(42, 10);
  data.writeUInt16LE(0x4080 << 1, 12);
  data.writeUInt16LE(0x0328, 14);
  data.writeBigUInt64LE(2n ** 40n, 16);
  data.writeUInt32LE(3, 24);
  data[28] = 0xc0;
  data[29] = 1;
  data.writeBigUInt64LE(9n, 32);
  data.writeUInt16LE(5, 40);
  data.writeUInt16LE(0xffff, 64 + 14);
  data.writeBigUInt64LE(6n, 64);
  const errors = parseErrors(data);
  expect(errors.length).toBe(2);
  expect(errors[0]).toEqual({
    errorCount: 7n,
    submissionQueueId: 1,
    commandId: 42,
    status: 0x4080,
    statusName: 'LBA Out of Range',
    parameterErrorLocation: { byte: 0x28, bit: 3 },
    lba: 2n ** 40n,
    nsid: 3,
    vendorSpecificInformationAvailable: 0xc0,
    trtype: 1,
    commandSpecificInformation: 9n,
    transportTypeSpecificInformation: 5,
  });
  expect(errors[1]?.parameterErrorLocation).toBeUndefined();
});

test('SMART / Health Information is as figure 207 says', () => {
  const data = Buffer.alloc(512);
  data.set([0b10_0010, 0x2b, 0x01, 100, 10, 255, 1]);
  for (let i = 0; i < 10; i++) data.writeBigUInt64LE(BigInt(i + 1), 32 + 16 * i);
  data.writeBigUInt64LE(1n, 40);
  data.writeUInt32LE(11, 192);
  data.writeUInt32LE(12, 196);
  data.writeUInt16LE(301, 200);
  data.writeUInt16LE(308, 214);
  expect(parseHealth(data)).toEqual({
    criticalWarning: {
      spareBelowThreshold: false,
      temperature: true,
      reliabilityDegraded: false,
      readOnly: false,
      volatileMemoryBackupFailed: false,
      persistentMemoryRegionUnreliable: true,
    },
    compositeTemperature: 299,
    availableSpare: 100,
    availableSpareThreshold: 10,
    percentageUsed: 255,
    enduranceGroupCriticalWarningSummary: 1,
    dataUnitsRead: 2n ** 64n + 1n,
    dataUnitsWritten: 2n,
    hostReadCommands: 3n,
    hostWriteCommands: 4n,
    controllerBusyTime: 5n,
    powerCycles: 6n,
    powerOnHours: 7n,
    unsafeShutdowns: 8n,
    mediaAndDataIntegrityErrors: 9n,
    numberOfErrorInformationLogEntries: 10n,
    warningCompositeTemperatureTime: 11,
    criticalCompositeTemperatureTime: 12,
    temperatureSensors: [301, 0, 0, 0, 0, 0, 0, 308],
  });
});

test('Firmware Slot Information is as figure 208 says', () => {
  const data = Buffer.alloc(512);
  data[0] = 0x21;
  data.write('1.0     ', 8, 'latin1');
  data.write('1.1', 16, 'latin1');
  const revisions = ['1.0', '1.1', '', '', '', '', ''];
  expect(parseFirmwareSlots(data)).toEqual({ active: 1, next: 2, revisions });
  expect(parseFirmwareSlots(Buffer.alloc(512)).next).toBeUndefined();
});

test('the Changed Namespace List ends with a zero, or says that it is too short', () => {
  const list = (...nsids: number[]) => new Uint8Array(Uint32Array.from(nsids).buffer);
  expect(parseChangedNamespaces(list(1, 5, 0, 9))).toEqual({ nsids: [1, 5], tooMany: false });
  expect(parseChangedNamespaces(list(0xffff_ffff, 0))).toEqual({ nsids: [], tooMany: true });
});

test('Commands Supported and Effects has the supported commands by opcode', () => {
  const data = Buffer.alloc(4096);
  data.writeUInt32LE(0x0012_001f, 4 * 0x80);
  data.writeUInt32LE(0xfff8_0001, 1024 + 4 * 0x02);
  data.writeUInt32LE(0x0000_0002, 1024 + 4 * 0x03);
  const { admin, io } = parseEffects(data);
  const none = { lbcc: false, ncc: false, nic: false, ccc: false, cse: 0, uss: false, csp: 0 };
  const all = { lbcc: true, ncc: true, nic: true, ccc: true, cse: 2, csp: 1 };
  expect([...admin]).toEqual([[0x80, { ...none, ...all }]]);
  expect([...io]).toEqual([[0x02, { ...none, uss: true, csp: 0xfff }]]);
});

test('S9/ log pages of any content are decoded', () => {
  const page = fc.uint8Array({ minLength: 4096, maxLength: 4096 });
  fc.assert(
    fc.property(page, (data) => {
      for (const revision of parseFirmwareSlots(data).revisions) {
        expect(revision).toMatch(/^[\x20-\x7e]*$/);
      }
      expect(parseErrors(data).length).toBeLessThanOrEqual(64);
      expect(parseChangedNamespaces(data).nsids.length).toBeLessThanOrEqual(1024);
      expect(parseEffects(data).io.size).toBeLessThanOrEqual(256);
      parseHealth(data);
    }),
  );
});
