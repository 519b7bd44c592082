// SPDX-License-Identifier: MIT
import { describe, expect, test } from '@jest/globals';
import {
  AQA,
  CAP,
  CC,
  CSTS,
  compose,
  doorbells,
  field,
  REGISTERS,
  Registers,
} from '../../lib/nvme/registers.js';

describe('registers', () => {
  test('lie where the specification puts them, each after the one before', () => {
    const ends = Object.values(REGISTERS).map(({ at, bits }) => [at, at + bits / 8] as const);
    for (const [index, [at]] of ends.entries()) {
      if (index > 0) expect(at).toBeGreaterThanOrEqual((ends[index - 1] as [number, number])[1]);
    }
    const at = (name: keyof typeof REGISTERS) => REGISTERS[name].at;
    expect([at('CAP'), at('VS'), at('INTMS'), at('INTMC'), at('CC')]).toEqual([0, 8, 12, 16, 20]);
    expect([at('CSTS'), at('AQA'), at('ASQ'), at('ACQ')]).toEqual([0x1c, 0x24, 0x28, 0x30]);
  });

  test('are read with the width they have', () => {
    const reads: string[] = [];
    const registers = new Registers({
      read32: (offset) => reads.push(`32@${offset}`),
      read64: (offset) => BigInt(reads.push(`64@${offset}`)),
      write32: () => {},
    });
    registers.read('CAP');
    registers.read('CSTS');
    expect(reads).toEqual(['64@0', '32@28']);
  });

  test('of 64 bits are written as two dwords, the low one first', () => {
    const writes: number[][] = [];
    const registers = new Registers({
      read32: () => 0,
      read64: () => 0n,
      write32: (...write) => writes.push(write),
    });
    registers.write64('ASQ', 0x1000, 0x7);
    expect(writes).toEqual([
      [0x28, 0x1000],
      [0x2c, 0x7],
    ]);
  });
});

describe('fields', () => {
  // CAP of QEMU's controller: MPSMAX is 4, CSS has NVM and I/O command sets, TO is 15, CQR is set, MQES is 2047.
  const cap = 0x0040_0060_0f01_07ffn;

  test('of 64 bits', () => {
    expect(field(cap, CAP.MQES)).toBe(2047);
    expect(field(cap, CAP.CQR)).toBe(1);
    expect(field(cap, CAP.TO)).toBe(15);
    expect(field(cap, CAP.DSTRD)).toBe(0);
    expect(field(cap, CAP.CSS_NVM)).toBe(1);
    expect(field(cap, CAP.MPSMIN)).toBe(0);
    expect(field(cap, CAP.MPSMAX)).toBe(4);
  });

  test('of 32 bits, with the highest bit set', () => {
    expect(field(0xffff_ffff, CSTS.SHST)).toBe(3);
    expect(field(0x0000_000c, CSTS.SHST)).toBe(3);
    expect(field(0x0000_0003, CSTS.SHST)).toBe(0);
  });

  test('compose to a register', () => {
    expect(compose([CC.EN, 1], [CC.IOSQES, 6], [CC.IOCQES, 4])).toBe(0x0046_0001);
    expect(compose([AQA.ASQS, 31], [AQA.ACQS, 31])).toBe(0x001f_001f);
  });

  test('refuse what does not fit', () => {
    expect(() => compose([CC.IOSQES, 16])).toThrow(RangeError);
    expect(() => compose([CC.EN, -1])).toThrow(RangeError);
  });
});

test('doorbells follow the stride', () => {
  expect(doorbells(0, 0)).toEqual({ tail: 0x1000, head: 0x1004 });
  expect(doorbells(1, 0)).toEqual({ tail: 0x1008, head: 0x100c });
  expect(doorbells(3, 2)).toEqual({ tail: 0x1060, head: 0x1070 });
});
