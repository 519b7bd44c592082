// SPDX-License-Identifier: MIT
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { bindRegisters, defineRegisters, type RegisterSpecs } from '../../lib/registers.js';
import { thrownBy } from './lib-fake-native.js';

const NVME = defineRegisters({
  CAP: {
    at: 0x00,
    width: 64,
    access: 'ro',
    doc: 'Controller Capabilities',
    fields: { MQES: [15, 0], TO: [31, 24], DSTRD: [35, 32], MPSMIN: [51, 48] },
  },
  CC: {
    at: 0x14,
    fields: {
      EN: 0,
      SHN: {
        bits: [15, 14],
        values: { none: 0, normal: 1, abrupt: 2 },
        doc: 'Shutdown Notification',
      },
      IOSQES: [19, 16],
      IOCQES: [23, 20],
    },
  },
  ASQ: { at: 0x28, width: 64, fields: { ASQB: [63, 12] } },
  SQTDBL: { at: 0x1000, access: 'wo', count: 4, stride: 8, fields: { SQT: [15, 0] } },
  CQHDBL: { at: 0x1004, access: 'wo', count: 4, stride: 8 },
});

/** The error that this definition of registers throws. The definition may be wrong in any way. */
function refusal(map: unknown): Error & Record<string, unknown> {
  return thrownBy(() => defineRegisters(map as RegisterSpecs));
}

describe('a register of a map', () => {
  test('tells what it is', () => {
    const { name, at, width, access, doc, count, stride } = NVME.CAP;
    expect({ name, at, width, access, doc, count, stride }).toEqual({
      name: 'CAP',
      at: 0,
      width: 64,
      access: 'ro',
      doc: 'Controller Capabilities',
      count: undefined,
      stride: undefined,
    });
    expect(NVME.CC).toMatchObject({ width: 32, access: 'rw' });
    expect(NVME.SQTDBL).toMatchObject({ count: 4, stride: 8 });
    expect(NVME.CC.fields).toEqual({
      EN: { high: 0, low: 0, access: 'rw', values: {}, doc: undefined },
      SHN: {
        high: 15,
        low: 14,
        access: 'rw',
        values: { none: 0, normal: 1, abrupt: 2 },
        doc: 'Shutdown Notification',
      },
      IOSQES: { high: 19, low: 16, access: 'rw', values: {}, doc: undefined },
      IOCQES: { high: 23, low: 20, access: 'rw', values: {}, doc: undefined },
    });
  });

  test('is not changed, nor does it change with what it was made of', () => {
    const spec = { at: 4, fields: { F: 0 as 0 | 1 } };
    const map = defineRegisters({ A: spec });
    spec.at = 8;
    spec.fields.F = 1;
    expect(map.A.at).toBe(4);
    expect(map.A.mask('F')).toBe(1);
    for (const part of [map, map.A, map.A.fields, map.A.fields.F]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  test('encodes fields, all other bits 0', () => {
    expect(NVME.CC.encode({ EN: 1, IOSQES: 6, IOCQES: 4 })).toBe(0x00460001);
    expect(NVME.CC.encode({})).toBe(0);
    expect(NVME.CAP.encode({ MQES: 2047, DSTRD: 3 })).toBe(0x3_0000_07ffn);
    expect(NVME.ASQ.encode({ ASQB: 0xf_ffff_ffff_ffffn })).toBe(0xffff_ffff_ffff_f000n);
  });

  test('decodes all its fields', () => {
    expect(NVME.CC.decode(0x0046_4001)).toEqual({ EN: 1, SHN: 1, IOSQES: 6, IOCQES: 4 });
    expect(NVME.CAP.decode(0x0005_000f_ff00_07ffn)).toEqual({
      MQES: 2047,
      TO: 0xff,
      DSTRD: 15,
      MPSMIN: 5,
    });
    expect(NVME.ASQ.decode(0xffff_ffff_ffff_ffffn)).toEqual({ ASQB: 0xf_ffff_ffff_ffffn });
  });

  test('masks its fields', () => {
    expect(NVME.CC.mask('EN', 'IOSQES')).toBe(0x000f_0001);
    expect(NVME.ASQ.mask('ASQB')).toBe(0xffff_ffff_ffff_f000n);
  });

  test.each([
    ['CC 0x00460001 EN=1 SHN=none IOSQES=6 IOCQES=4', () => NVME.CC.describe(0x0046_0001)],
    ['CC 0x0000c000 EN=0 SHN=3 IOSQES=0 IOCQES=0', () => NVME.CC.describe(0xc000)],
    ['CAP 0x00000000000007ff MQES=2047 TO=0 DSTRD=0 MPSMIN=0', () => NVME.CAP.describe(0x7ffn)],
    ['ASQ 0x0000000123456000 ASQB=0x123456', () => NVME.ASQ.describe(0x1_2345_6000n)],
    ['SQTDBL 0x00000007 SQT=7', () => NVME.SQTDBL.describe(7)],
    ['CQHDBL 0x00000000', () => NVME.CQHDBL.describe(0)],
    ['B 0x0a', () => defineRegisters({ B: { at: 0, width: 8 } }).B.describe(10)],
  ])('is text: %s', (text, work) => {
    expect(work()).toBe(text);
  });

  test('names the values of a wide field exactly', () => {
    const { W } = defineRegisters({
      W: { at: 0, width: 64, fields: { F: { bits: [63, 0], values: { top: 2 ** 53 - 1 } } } },
    });
    expect(W.describe(2n ** 53n - 1n)).toBe('W 0x001fffffffffffff F=top');
    expect(W.describe(2n ** 53n)).toBe('W 0x0020000000000000 F=0x20000000000000');
  });
});

describe('values', () => {
  test.each<[string, () => unknown, string, string]>([
    ['too wide', () => NVME.CC.encode({ IOSQES: 16 }), 'ERR_VFIO_RANGE', 'CC.IOSQES'],
    ['negative', () => NVME.CC.encode({ EN: -1 }), 'ERR_VFIO_RANGE', 'CC.EN'],
    ['fractional', () => NVME.CC.encode({ EN: 0.5 }), 'ERR_VFIO_RANGE', 'CC.EN'],
    ['NaN', () => NVME.CC.encode({ EN: Number.NaN }), 'ERR_VFIO_RANGE', 'CC.EN'],
    ['too wide', () => NVME.ASQ.encode({ ASQB: 2n ** 52n }), 'ERR_VFIO_RANGE', 'ASQ.ASQB'],
    ['negative', () => NVME.ASQ.encode({ ASQB: -1n }), 'ERR_VFIO_RANGE', 'ASQ.ASQB'],
    ['a bigint', () => NVME.CC.encode({ EN: 1n as never }), 'ERR_INVALID_ARG_TYPE', 'CC.EN'],
    ['a number', () => NVME.ASQ.encode({ ASQB: 1 as never }), 'ERR_INVALID_ARG_TYPE', 'ASQ.ASQB'],
    ['a boolean', () => NVME.CC.encode({ EN: true as never }), 'ERR_INVALID_ARG_TYPE', 'CC.EN'],
    ['a string', () => NVME.CC.encode({ EN: '1' as never }), 'ERR_INVALID_ARG_TYPE', 'CC.EN'],
    [
      'undefined',
      () => NVME.CC.encode({ EN: undefined as never }),
      'ERR_INVALID_ARG_TYPE',
      'CC.EN',
    ],
    ['a stranger', () => NVME.CC.encode({ ENN: 1 } as never), 'ERR_INVALID_ARG_VALUE', '"ENN"'],
    ['no fields', () => NVME.CC.encode(null as never), 'ERR_INVALID_ARG_TYPE', 'CC'],
    ['an array', () => NVME.CC.encode([] as never), 'ERR_INVALID_ARG_TYPE', 'CC'],
    ['too wide', () => NVME.CC.decode(2 ** 32), 'ERR_VFIO_RANGE', 'CC'],
    ['negative', () => NVME.CC.decode(-1), 'ERR_VFIO_RANGE', 'CC'],
    ['a bigint', () => NVME.CC.decode(1n as never), 'ERR_INVALID_ARG_TYPE', 'CC'],
    ['too wide', () => NVME.CAP.decode(2n ** 64n), 'ERR_VFIO_RANGE', 'CAP'],
    ['negative', () => NVME.CAP.describe(-1n), 'ERR_VFIO_RANGE', 'CAP'],
    ['a number', () => NVME.CAP.describe(1 as never), 'ERR_INVALID_ARG_TYPE', 'CAP'],
    ['a stranger', () => NVME.CC.mask('ENN' as never), 'ERR_INVALID_ARG_VALUE', '"ENN"'],
    ['inherited', () => NVME.CC.mask('toString' as never), 'ERR_INVALID_ARG_VALUE', '"toString"'],
    ['no string', () => NVME.CC.mask(0 as never), 'ERR_INVALID_ARG_TYPE', 'CC'],
    ['nothing', () => (NVME.CC.mask as unknown as () => void)(), 'ERR_INVALID_ARG_TYPE', 'CC'],
  ])('that are %s are refused', (_what, work, code, name) => {
    const error = thrownBy(work);
    expect(error.code).toBe(code);
    expect(error.message).toContain(name);
  });

  test('are looked at, not called', () => {
    const hostile = { valueOf: () => 1, toString: () => '1' };
    expect(thrownBy(() => NVME.CC.encode({ EN: hostile as never })).code).toBe(
      'ERR_INVALID_ARG_TYPE',
    );
  });

  test('tell which fields there are', () => {
    expect(thrownBy(() => NVME.CC.encode({ ENN: 1 } as never)).message).toBe(
      'CC has no field "ENN": encode() accepts EN, SHN, IOSQES, IOCQES',
    );
  });
});

/** A register of `width` bits and a value for it. The fields of the register may touch or leave gaps. */
const anyRegister = fc
  .tuple(
    fc.constantFrom(8, 16, 32, 64),
    fc.array(fc.tuple(fc.nat(6), fc.integer({ min: 1, max: 64 })), { maxLength: 12 }),
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  )
  .map(([width, cuts, bits]) => {
    const fields: [name: string, high: number, low: number][] = [];
    let next = 0;
    for (const [gap, size] of cuts) {
      const [low, high] = [next + gap, next + gap + size - 1];
      if (high < width) fields.push([`F${fields.length}`, high, low]);
      if (high < width) next = high + 1;
    }
    const word = BigInt.asUintN(width, bits);
    return { width, fields, word };
  });

test('encode and decode are inverse, at any place of any width', () => {
  fc.assert(
    fc.property(anyRegister, ({ width, fields, word }) => {
      const specs = fields.map(([name, high, low]) => [name, [high, low]]);
      const spec = { at: 0, width, fields: Object.fromEntries(specs) };
      const { R } = defineRegisters({ R: spec } as RegisterSpecs);
      if (R === undefined) throw new Error('the register is missing');
      const value = width === 64 ? word : Number(word);
      const decoded = R.decode(value);
      // The value of each field, by arithmetic that shares nothing with the code under test.
      const names = fields.map(([name, high, low]) => {
        const bits = BigInt.asUintN(high - low + 1, word >> BigInt(low));
        return [name, high - low < 32 ? Number(bits) : bits];
      });
      expect(decoded).toEqual(Object.fromEntries(names));
      const all = fields.map(([name]) => name);
      const mask = all.length === 0 ? 0n : BigInt(R.mask(...(all as [string])));
      expect(BigInt(R.encode(decoded as never))).toBe(word & mask);
    }),
    { numRuns: 500 },
  );
});

describe('a definition', () => {
  test.each<[string, unknown, string, string]>([
    ['no object', 5, 'ERR_INVALID_ARG_TYPE', 'map'],
    ['an array', [], 'ERR_INVALID_ARG_TYPE', 'map'],
    ['a register that is none', { A: 4 }, 'ERR_INVALID_ARG_TYPE', 'register A'],
    ['a register that is null', { A: null }, 'ERR_INVALID_ARG_TYPE', 'register A'],
    ['an unknown key', { A: { at: 0, acess: 'ro' } }, 'ERR_INVALID_ARG_VALUE', '"acess"'],
    ['a name with a space', { 'A B': { at: 0 } }, 'ERR_INVALID_ARG_VALUE', '"A B"'],
    ['a number as a name', { 0: { at: 0 } }, 'ERR_INVALID_ARG_VALUE', '"0"'],
    ['a name of every object', { toString: { at: 0 } }, 'ERR_INVALID_ARG_VALUE', 'toString'],
    ['the name __proto__', { ['__proto__']: { at: 0 } }, 'ERR_INVALID_ARG_VALUE', '__proto__'],
    ['no offset', { A: {} }, 'ERR_INVALID_ARG_TYPE', 'the offset of A'],
    ['a negative offset', { A: { at: -4 } }, 'ERR_VFIO_RANGE', 'the offset of A'],
    ['a fractional offset', { A: { at: 0.5 } }, 'ERR_VFIO_RANGE', 'the offset of A'],
    ['a bigint as offset', { A: { at: 0n } }, 'ERR_INVALID_ARG_TYPE', 'the offset of A'],
    ['an offset of no region', { A: { at: 2 ** 60 } }, 'ERR_VFIO_RANGE', 'the offset of A'],
    ['an unaligned offset', { A: { at: 2 } }, 'ERR_VFIO_ALIGN', 'the offset of A'],
    ['64 bits on 4 bytes', { A: { at: 4, width: 64 } }, 'ERR_VFIO_ALIGN', 'the offset of A'],
    ['a width of 24', { A: { at: 0, width: 24 } }, 'ERR_VFIO_RANGE', 'the width of A'],
    ['a width that is text', { A: { at: 0, width: '32' } }, 'ERR_INVALID_ARG_TYPE', 'width of A'],
    ['an unknown access', { A: { at: 0, access: 'w0c' } }, 'ERR_INVALID_ARG_VALUE', 'access of A'],
    ['a doc that is no text', { A: { at: 0, doc: 1 } }, 'ERR_INVALID_ARG_TYPE', 'the doc of A'],
    ['a count of 0', { A: { at: 0, count: 0 } }, 'ERR_VFIO_RANGE', 'the count of A'],
    ['a fractional count', { A: { at: 0, count: 1.5 } }, 'ERR_VFIO_RANGE', 'the count of A'],
    ['an endless count', { A: { at: 0, count: 2 ** 40 } }, 'ERR_VFIO_RANGE', 'the count of A'],
    ['a stride alone', { A: { at: 0, stride: 8 } }, 'ERR_INVALID_ARG_VALUE', 'A has a stride'],
    ['a short stride', { A: { at: 0, count: 2, stride: 2 } }, 'ERR_VFIO_RANGE', 'stride of A'],
    ['an unaligned stride', { A: { at: 0, count: 2, stride: 6 } }, 'ERR_VFIO_ALIGN', 'stride of A'],
    ['fields that are none', { A: { at: 0, fields: 1 } }, 'ERR_INVALID_ARG_TYPE', 'fields of A'],
    ['fields in an array', { A: { at: 0, fields: [1] } }, 'ERR_INVALID_ARG_TYPE', 'fields of A'],
    [
      'two at one offset',
      { A: { at: 4 }, B: { at: 4 } },
      'ERR_VFIO_RANGE',
      'A and B overlap at 0x4',
    ],
    [
      'one inside another',
      { A: { at: 0, width: 64 }, B: { at: 6, width: 16 } },
      'ERR_VFIO_RANGE',
      'A and B overlap at 0x6',
    ],
    [
      'one inside an array',
      { A: { at: 0x10, count: 8 }, B: { at: 0x20 } },
      'ERR_VFIO_RANGE',
      'A and B overlap at 0x20',
    ],
    [
      'arrays that meet late',
      { A: { at: 0, count: 100, stride: 12 }, B: { at: 4, count: 100, stride: 20 } },
      'ERR_VFIO_RANGE',
      'A and B overlap at 0x18',
    ],
  ])('with %s is refused', (_what, map, code, text) => {
    const error = refusal(map);
    expect(error.code).toBe(code);
    expect(error.message).toContain(text);
  });

  test.each<[string, unknown, string, string]>([
    ['text', '0', 'ERR_INVALID_ARG_TYPE', 'A.F'],
    ['null', null, 'ERR_INVALID_ARG_TYPE', 'A.F'],
    ['one bit of a pair', [3], 'ERR_INVALID_ARG_TYPE', 'the bits of A.F'],
    ['three bits', [3, 2, 1], 'ERR_INVALID_ARG_TYPE', 'the bits of A.F'],
    ['no bits', { access: 'rw' }, 'ERR_INVALID_ARG_TYPE', 'the bits of A.F'],
    ['a bit past the width', 32, 'ERR_VFIO_RANGE', 'bit of A.F'],
    ['bits past the width', [32, 30], 'ERR_VFIO_RANGE', 'the highest bit of A.F'],
    ['a negative bit', [3, -1], 'ERR_VFIO_RANGE', 'the lowest bit of A.F'],
    ['a fractional bit', 0.5, 'ERR_VFIO_RANGE', 'bit of A.F'],
    ['a bigint', [3n, 0n], 'ERR_INVALID_ARG_TYPE', 'the highest bit of A.F'],
    ['low before high', [0, 3], 'ERR_VFIO_RANGE', 'Expected [high, low] for the bits of A.F'],
    ['an unknown key', { bits: 0, acces: 'ro' }, 'ERR_INVALID_ARG_VALUE', '"acces"'],
    ['an unknown access', { bits: 0, access: 'x' }, 'ERR_INVALID_ARG_VALUE', 'the access of A.F'],
    ['rc within rw', { bits: 0, access: 'rc' }, 'ERR_INVALID_ARG_VALUE', 'the access of A.F'],
    ['a doc that is no text', { bits: 0, doc: {} }, 'ERR_INVALID_ARG_TYPE', 'the doc of A.F'],
    ['values that are none', { bits: 0, values: 1 }, 'ERR_INVALID_ARG_TYPE', 'the values of A.F'],
    ['a list of values', { bits: 0, values: ['a'] }, 'ERR_INVALID_ARG_TYPE', 'the values of A.F'],
    ['a value too wide', { bits: 0, values: { x: 2 } }, 'ERR_VFIO_RANGE', 'x of A.F'],
    ['a value that is text', { bits: 0, values: { x: '1' } }, 'ERR_INVALID_ARG_TYPE', 'x of A.F'],
    ['equal values', { bits: 0, values: { x: 1, y: 1 } }, 'ERR_INVALID_ARG_VALUE', 'values of A.F'],
    ['a spaced value', { bits: 0, values: { 'x y': 1 } }, 'ERR_INVALID_ARG_VALUE', '"x y"'],
  ])('with a field that has %s is refused', (_what, field, code, text) => {
    const error = refusal({ A: { at: 0, fields: { F: field } } });
    expect(error.code).toBe(code);
    expect(error.message).toContain(text);
  });

  test.each([
    'name',
    'offset',
    'read',
    'write',
    'get',
    'set',
    'clear',
    'describe',
    'constructor',
    'valueOf',
    'a b',
    '1',
  ])('with a field called %s is refused', (name) => {
    const error = refusal({ A: { at: 0, fields: { [name]: 0 } } });
    expect(error.code).toBe('ERR_INVALID_ARG_VALUE');
    expect(error.message).toContain(`A.${name}`);
  });

  test('with overlapping fields is refused', () => {
    const { message } = refusal({ A: { at: 0, fields: { F: [7, 4], G: [5, 0] } } });
    expect(message).toBe('A.F and A.G overlap at bit 4');
  });

  test.each([
    ['ro', 'rw'],
    ['wo', 'w1c'],
    ['rc', 'ro'],
  ])('with a register that is %s and a field that is %s is refused', (whole, part) => {
    const fields = { F: { bits: 0, access: part } };
    const { message } = refusal({ A: { at: 0, access: whole, fields } });
    expect(message).toBe(`A.F cannot be ${part}, because the register A is ${whole}`);
  });

  test.each<[string, RegisterSpecs]>([
    ['no registers', {}],
    [
      'registers that touch',
      { A: { at: 0, width: 8 }, B: { at: 1, width: 8 }, C: { at: 2, width: 16 } },
    ],
    ['bit 63', { A: { at: 8, width: 64, fields: { F: 63, G: [62, 0] } } }],
    [
      'interleaved arrays',
      { A: { at: 0, count: 9, stride: 8 }, B: { at: 4, count: 9, stride: 8 } },
    ],
    ['a register between', { A: { at: 0, count: 3, stride: 16 }, B: { at: 20, width: 16 } }],
    ['an array of one', { A: { at: 0, count: 1 } }],
    [
      'an access repeated',
      { A: { at: 0, access: 'ro', fields: { F: { bits: 0, access: 'ro' } } } },
    ],
    ['a field as wide as its register', { A: { at: 0, width: 8, fields: { F: [7, 0] } } }],
  ])('with %s is good', (_what, specs) => {
    expect(Object.keys(defineRegisters(specs))).toEqual(Object.keys(specs));
  });

  test('finds overlaps of any two arrays', () => {
    const anyArray = fc.record({
      at: fc.nat(40).map((n) => n * 4),
      count: fc.integer({ min: 1, max: 12 }),
      stride: fc.integer({ min: 1, max: 6 }).map((n) => n * 4),
    });
    const places = ({ at, count, stride }: { at: number; count: number; stride: number }) =>
      Array.from({ length: count }, (_, index) => at + index * stride);
    fc.assert(
      fc.property(anyArray, anyArray, (A, B) => {
        const shared = places(A).filter((place) => places(B).includes(place));
        if (shared.length === 0) defineRegisters({ A, B } as RegisterSpecs);
        else expect(refusal({ A, B }).message).toContain('overlap at');
      }),
      { numRuns: 500 },
    );
  });
});

describe('binding', () => {
  const read32 = () => 0;
  const bar = (byteLength: number) => ({ name: 'BAR0', byteLength, read32 }) as never;

  test.each<[string, () => unknown, string, string]>([
    ['a region too short', () => bindRegisters(bar(0x101c), NVME), 'ERR_VFIO_RANGE', 'CQHDBL'],
    ['a base too far', () => bindRegisters(bar(0x1024), NVME, 8), 'ERR_VFIO_RANGE', 'CQHDBL'],
    ['an unaligned base', () => bindRegisters(bar(0x2000), NVME, 4), 'ERR_VFIO_ALIGN', 'CAP'],
    ['a negative base', () => bindRegisters(bar(0x2000), NVME, -8), 'ERR_VFIO_RANGE', 'base'],
    [
      'a base that is text',
      () => bindRegisters(bar(0x2000), NVME, '0' as never),
      'ERR_INVALID_ARG_TYPE',
      'base',
    ],
    [
      'a bare description',
      () => bindRegisters(bar(8), { A: { at: 0 } } as never),
      'ERR_INVALID_ARG_TYPE',
      'map',
    ],
    ['a copy of a map', () => bindRegisters(bar(8), { ...NVME }), 'ERR_INVALID_ARG_TYPE', 'map'],
    ['no map', () => bindRegisters(bar(8), undefined as never), 'ERR_INVALID_ARG_TYPE', 'map'],
    ['no region', () => bindRegisters(undefined as never, NVME), 'ERR_INVALID_ARG_TYPE', 'space'],
    [
      'an object as region',
      () => bindRegisters({} as never, NVME),
      'ERR_INVALID_ARG_TYPE',
      'space',
    ],
  ])('%s is refused', (_what, work, code, text) => {
    const error = thrownBy(work);
    expect(error.code).toBe(code);
    expect(error.message).toContain(text);
  });

  test('says how far it would reach', () => {
    expect(thrownBy(() => bindRegisters(bar(0x10), NVME)).message).toBe(
      'CC ends at 0x18, beyond the 16 bytes of BAR0',
    );
  });

  test('takes a region that just suffices', () => {
    expect(bindRegisters(bar(0x1020), defineRegisters({ A: { at: 0x18 } }), 0x1004).A.offset).toBe(
      0x101c,
    );
  });
});
