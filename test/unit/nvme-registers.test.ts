// SPDX-License-Identifier: MIT
import { describe, expect, test } from '@jest/globals';
import { bindRegisters, describeAll } from '../../lib/index.js';
import { doorbells, REGISTERS } from '../../lib/nvme/registers.js';
import { registerSpace } from '../support/nvme.js';

describe('registers', () => {
  test('lie where figure 34 puts them', () => {
    const places = Object.values(REGISTERS).map(({ name, at, width }) => [name, at, width]);
    expect(places).toEqual([
      ['CAP', 0x00, 64],
      ['VS', 0x08, 32],
      ['INTMS', 0x0c, 32],
      ['INTMC', 0x10, 32],
      ['CC', 0x14, 32],
      ['CSTS', 0x1c, 32],
      ['NSSR', 0x20, 32],
      ['AQA', 0x24, 32],
      ['ASQ', 0x28, 64],
      ['ACQ', 0x30, 64],
      ['CMBLOC', 0x38, 32],
      ['CMBSZ', 0x3c, 32],
      ['CRTO', 0x68, 32],
    ]);
  });

  test('of 64 bits are accessed as two dwords, the low one first', () => {
    const reads: number[] = [];
    const writes: number[][] = [];
    const registers = bindRegisters(
      registerSpace({
        read32: (offset) => reads.push(offset),
        write32: (...write) => void writes.push(write),
      }),
      REGISTERS,
    );
    expect(registers.CAP.read()).toBe(0x2_0000_0001n);
    registers.ASQ.write(0x7_0000_1000n);
    expect(reads).toEqual([0x00, 0x04]);
    expect(writes).toEqual([
      [0x28, 0x1000],
      [0x2c, 0x7],
    ]);
  });

  test('that the host must not read are not read for a dump', () => {
    const reads = new Set<number>();
    const space = registerSpace({ read32: (offset) => reads.add(offset).size, write32: () => {} });
    describeAll(bindRegisters(space, REGISTERS));
    expect([0x0c, 0x10, 0x20].filter((offset) => reads.has(offset))).toEqual([]);
  });
});

describe('fields', () => {
  test('of CAP', () => {
    // QEMU's controller: MPSMAX is 4, CSS has NVM and I/O command sets, TO is 15, CQR is set, MQES is 2047.
    expect(REGISTERS.CAP.decode(0x0040_0060_0f01_07ffn)).toEqual({
      ...{ MQES: 2047, CQR: 1, AMS: 0, TO: 15, DSTRD: 0, NSSRS: 0, CSS: 3, BPS: 0, CPS: 0 },
      ...{ MPSMIN: 0, MPSMAX: 4, PMRS: 0, CMBS: 0, NSSS: 0, CRMS: 0 },
    });
    expect(REGISTERS.CAP.decode(0x1800_0000_0000_0000n).CRMS).toBe(3);
  });

  test('of CC, AQA and CRTO', () => {
    expect(REGISTERS.CC.encode({ EN: 1, IOSQES: 6, IOCQES: 4 })).toBe(0x0046_0001);
    expect(REGISTERS.CC.encode({ CRIME: 1, SHN: 1 })).toBe(0x0100_4000);
    expect(REGISTERS.AQA.encode({ ASQS: 31, ACQS: 31 })).toBe(0x001f_001f);
    expect(REGISTERS.CRTO.decode(0x0003_0014)).toEqual({ CRWMT: 20, CRIMT: 3 });
  });

  test('of CSTS, with the highest bit set', () => {
    expect(REGISTERS.CSTS.decode(0xffff_ffff).SHST).toBe(3);
    expect(REGISTERS.CSTS.decode(0x0000_000c).SHST).toBe(3);
    expect(REGISTERS.CSTS.decode(0x0000_0003).SHST).toBe(0);
  });

  test('a shutdown reads as such', () => {
    expect(REGISTERS.CSTS.describe(0x9)).toContain('RDY=1 CFS=0 SHST=complete');
  });
});

test('doorbells follow the stride', () => {
  expect(doorbells(0, 0)).toEqual({ tail: 0x1000, head: 0x1004 });
  expect(doorbells(1, 0)).toEqual({ tail: 0x1008, head: 0x100c });
  expect(doorbells(3, 2)).toEqual({ tail: 0x1060, head: 0x1070 });
});
