// SPDX-License-Identifier: MIT
import { inspect } from 'node:util';
import { beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DirectMemory } from '../../lib/internal/direct-memory.js';
import { ours } from '../../lib/internal/ours.js';
import { Region } from '../../lib/region.js';
import { regionInfo } from '../../lib/region-info.js';
import {
  bindRegisters,
  defineRegisters,
  type RegisterSpace,
  type RegisterSpecs,
} from '../../lib/registers.js';
import { FakeDevice, FakeNative, thrownBy } from './lib-fake-native.js';

/** A register space in memory that records its accesses. */
class RecordingSpace implements RegisterSpace {
  readonly name = 'BAR0';
  readonly byteLength = 0x2000;
  accesses: [access: string, offset: number, value: number | bigint][] = [];
  /** Computes the value of the register after a write. By default, that is the value written. */
  onWrite = (_before: bigint, written: bigint): bigint => written;
  readonly #memory = new DataView(new ArrayBuffer(0x2000));

  read8 = (offset: number) => Number(this.#read(8, offset));
  read16 = (offset: number) => Number(this.#read(16, offset));
  read32 = (offset: number) => Number(this.#read(32, offset));
  read64 = (offset: number) => this.#read(64, offset);
  write8 = (offset: number, value: number) => this.#write(8, offset, value);
  write16 = (offset: number, value: number) => this.#write(16, offset, value);
  write32 = (offset: number, value: number) => this.#write(32, offset, value);
  write64 = (offset: number, value: bigint) => this.#write(64, offset, value);

  /** The accesses since the last call of `take()`. */
  take() {
    const taken = this.accesses;
    this.accesses = [];
    return taken;
  }

  peek(width: number, offset: number): bigint {
    return BigInt.asUintN(width, this.#memory.getBigUint64(offset, true));
  }

  poke(width: number, offset: number, value: bigint): void {
    const rest = (this.#memory.getBigUint64(offset, true) >> BigInt(width)) << BigInt(width);
    this.#memory.setBigUint64(offset, rest | value, true);
  }

  #read(width: number, offset: number): bigint {
    const value = this.peek(width, offset);
    this.accesses.push([`read${width}`, offset, width === 64 ? value : Number(value)]);
    return value;
  }

  #write(width: number, offset: number, value: number | bigint): void {
    this.accesses.push([`write${width}`, offset, value]);
    this.poke(width, offset, this.onWrite(this.peek(width, offset), BigInt(value)));
  }
}

const MAP = defineRegisters({
  CAP: {
    at: 0x00,
    width: 64,
    access: 'ro',
    fields: { MQES: [15, 0], CROSS: [40, 20], TOP: [63, 56] },
  },
  CC: { at: 0x14, fields: { EN: 0, SHN: [15, 14], IOSQES: [19, 16] } },
  CSTS: { at: 0x1c, access: 'ro', fields: { RDY: 0, CFS: 1 } },
  NSSR: { at: 0x20, access: 'wo', fields: { NSSRC: [31, 0] } },
  ISR: { at: 0x24, access: 'rc', fields: { TX: 0, RX: 1 } },
  ACQ: { at: 0x28, width: 64, fields: { ACQB: [63, 12], KIND: [3, 0] } },
  EVENTS: { at: 0x30, access: 'w1c', fields: { DONE: 0, FAIL: 1 } },
  CONTROL: {
    at: 0x34,
    fields: {
      ON: 0,
      DONE: { bits: 1, access: 'w1c' },
      FAIL: { bits: [3, 2], access: 'w1c' },
      BUSY: { bits: 4, access: 'ro' },
      GO: { bits: 5, access: 'wo' },
      MODE: [10, 8],
    },
  },
  ENABLES: {
    at: 0x38,
    access: 'w1c',
    fields: { SEEN: [3, 0], MASK: { bits: [7, 4], access: 'rw' } },
  },
  FULL: {
    at: 0x3c,
    width: 8,
    fields: { FLAGS: { bits: [5, 0], access: 'w1c' }, LEVEL: { bits: [7, 6], access: 'ro' } },
  },
  WIDE: {
    at: 0x40,
    width: 64,
    fields: { ON: 63, DONE: { bits: 62, access: 'w1c' }, LOW: [31, 0] },
  },
  HALF: { at: 0x48, width: 16 },
  BYTE: { at: 0x4a, width: 8, fields: { LOW: [3, 0] } },
  PLAIN: { at: 0x4c, access: 'w1c' },
  LANE: { at: 0x50, count: 3, stride: 16, fields: { UP: 0 } },
  TAIL: { at: 0x1000, access: 'wo', count: 4, stride: 8 },
  HEAD: { at: 0x1004, access: 'wo', count: 4, stride: 8 },
});

let space: RecordingSpace;
let regs: ReturnType<typeof bind>;

function bind() {
  return bindRegisters(space, MAP);
}

beforeEach(() => {
  space = new RecordingSpace();
  regs = bind();
});

describe('one access', () => {
  test.each<[string, () => unknown, unknown]>([
    ['a read of 8 bits', () => regs.BYTE.read(), ['read8', 0x4a, 0xab]],
    ['a read of 16 bits', () => regs.HALF.read(), ['read16', 0x48, 0x9876]],
    ['a read of 32 bits', () => regs.CC.read(), ['read32', 0x14, 0x8046_4001]],
    ['a read of 64 bits', () => regs.CAP.read(), ['read64', 0, 0xfe01_0203_04f5_0607n]],
    ['a read that clears', () => regs.ISR.read(), ['read32', 0x24, 3]],
  ])('is %s', (_what, read, access) => {
    space.poke(8, 0x4a, 0xabn);
    space.poke(16, 0x48, 0x9876n);
    space.poke(32, 0x14, 0x8046_4001n);
    space.poke(64, 0, 0xfe01_0203_04f5_0607n);
    space.poke(32, 0x24, 3n);
    expect(read()).toBe((access as unknown[])[2]);
    expect(space.take()).toEqual([access]);
  });

  test.each<[string, () => void, unknown]>([
    ['a write of 8 bits', () => regs.BYTE.write(0xff), ['write8', 0x4a, 0xff]],
    ['a write of 16 bits', () => regs.HALF.write(0xffff), ['write16', 0x48, 0xffff]],
    ['a write of 32 bits', () => regs.CC.write(0xffff_ffff), ['write32', 0x14, 0xffff_ffff]],
    ['a write of 64 bits', () => regs.ACQ.write(2n ** 64n - 1n), ['write64', 0x28, 2n ** 64n - 1n]],
    ['a write without a read', () => regs.NSSR.write(0x4e56_4d65), ['write32', 0x20, 0x4e56_4d65]],
    ['a clearing write', () => regs.PLAIN.write(6), ['write32', 0x4c, 6]],
  ])('is %s', (_what, write, access) => {
    write();
    expect(space.take()).toEqual([access]);
  });

  test.each<[string, () => unknown, unknown, unknown]>([
    ['of 32 bits', () => regs.CC.SHN, 1, ['read32', 0x14, 0x8046_4001]],
    ['of 8 bits', () => regs.BYTE.LOW, 11, ['read8', 0x4a, 0xab]],
    ['in the low half of 64', () => regs.CAP.MQES, 0x607, ['read64', 0, 0xfe01_0203_04f5_0607n]],
    ['in both halves', () => regs.CAP.CROSS, 0x304f, ['read64', 0, 0xfe01_0203_04f5_0607n]],
    ['in the high half', () => regs.CAP.TOP, 0xfe, ['read64', 0, 0xfe01_0203_04f5_0607n]],
    [
      'of more than 32',
      () => regs.ACQ.ACQB,
      0xf_edcb_a987_6543n,
      ['read64', 0x28, 0xfedc_ba98_7654_3210n],
    ],
  ])('is a field %s', (_what, read, value, access) => {
    space.poke(8, 0x4a, 0xabn);
    space.poke(32, 0x14, 0x8046_4001n);
    space.poke(64, 0, 0xfe01_0203_04f5_0607n);
    space.poke(64, 0x28, 0xfedc_ba98_7654_3210n);
    expect(read()).toBe(value);
    expect(space.take()).toEqual([access]);
  });

  test('is each field, every time', () => {
    expect([regs.CSTS.RDY, regs.CSTS.RDY, regs.CSTS.CFS]).toEqual([0, 0, 0]);
    expect(space.take()).toHaveLength(3);
  });

  test('is all fields, or the text', () => {
    space.poke(32, 0x34, 0x337n);
    const fields = { ON: 1, DONE: 1, FAIL: 1, BUSY: 1, MODE: 3 };
    expect(regs.CONTROL.get()).toEqual(fields);
    expect(space.take()).toHaveLength(1);
    expect(regs.CONTROL.describe()).toBe('CONTROL 0x00000337 ON=1 DONE=1 FAIL=1 BUSY=1 MODE=3');
    expect(space.take()).toHaveLength(1);
    expect(regs.ISR.get()).toEqual({ TX: 0, RX: 0 });
    expect(space.take()).toHaveLength(1);
  });

  test('is at the base and the offset', () => {
    const { CC, LANE } = bindRegisters(space, MAP, 0x200);
    expect([CC.offset, LANE.at(2).offset]).toEqual([0x214, 0x270]);
    CC.read();
    expect(space.take()).toEqual([['read32', 0x214, 0]]);
  });
});

describe('no access', () => {
  test('comes of binding, or of looking at registers', () => {
    expect(inspect(regs, { depth: 5, showHidden: true })).toContain('[EN]: [Getter]');
    JSON.stringify(regs);
    for (const register of Object.values(regs)) {
      Object.values({ ...register });
      expect(String(register)).toBe('[object Object]');
    }
    expect(space.take()).toEqual([]);
  });

  test.each([
    ['CAP', ['describe', 'get', 'read']],
    ['NSSR', ['write']],
    ['ISR', ['get', 'read']],
    ['HALF', ['describe', 'read', 'write']],
    ['PLAIN', ['describe', 'read', 'write']],
    ['CC', ['describe', 'get', 'read', 'set', 'write']],
    ['EVENTS', ['clear', 'describe', 'get', 'read', 'write']],
    ['CONTROL', ['clear', 'describe', 'get', 'read', 'set', 'write']],
  ] as const)('is there that %s does not have', (name, methods) => {
    const register = regs[name] as object;
    const all = ['read', 'write', 'get', 'set', 'clear', 'describe'];
    expect(all.filter((method) => method in register).sort()).toEqual(methods);
    expect('TX' in regs.ISR || 'NSSRC' in regs.NSSR || 'GO' in regs.CONTROL).toBe(false);
  });

  test('assigns a field', () => {
    expect(() => Object.assign(regs.CC, { EN: 1 })).toThrow(TypeError);
    expect(() => Object.assign(regs, { CC: 1 })).toThrow(TypeError);
    expect(space.take()).toEqual([]);
  });

  test.each<[string, () => unknown, string, string]>([
    ['a field too wide', () => regs.CC.set({ IOSQES: 16 }), 'ERR_VFIO_RANGE', 'CC.IOSQES'],
    ['a negative field', () => regs.CC.set({ EN: -1 }), 'ERR_VFIO_RANGE', 'CC.EN'],
    ['a bigint field', () => regs.CC.set({ EN: 1n as never }), 'ERR_INVALID_ARG_TYPE', 'CC.EN'],
    ['a good and a bad field', () => regs.CC.set({ EN: 1, SHN: 4 }), 'ERR_VFIO_RANGE', 'CC.SHN'],
    ['an unknown field', () => regs.CC.set({ ENN: 1 } as never), 'ERR_INVALID_ARG_VALUE', '"ENN"'],
    ['a w1c field', () => regs.CONTROL.set({ DONE: 1 } as never), 'ERR_INVALID_ARG_VALUE', 'w1c'],
    ['a ro field', () => regs.CONTROL.set({ BUSY: 1 } as never), 'ERR_INVALID_ARG_VALUE', 'ro'],
    ['no fields', () => regs.CC.set(undefined as never), 'ERR_INVALID_ARG_TYPE', 'CC'],
    ['an rw field', () => regs.CONTROL.clear('ON' as never), 'ERR_INVALID_ARG_VALUE', 'ON'],
    ['an unknown name', () => regs.EVENTS.clear('DON' as never), 'ERR_INVALID_ARG_VALUE', '"DON"'],
    ['an object', () => regs.EVENTS.clear({ DONE: 1 } as never), 'ERR_INVALID_ARG_TYPE', 'EVENTS'],
    ['nothing', () => (regs.EVENTS.clear as () => void)(), 'ERR_INVALID_ARG_TYPE', 'EVENTS'],
    ['33 bits', () => regs.CC.write(2 ** 32), 'ERR_VFIO_RANGE', 'CC'],
    ['17 bits', () => regs.HALF.write(0x10000), 'ERR_VFIO_RANGE', 'HALF'],
    ['9 bits', () => regs.BYTE.write(0x100), 'ERR_VFIO_RANGE', 'BYTE'],
    ['65 bits', () => regs.ACQ.write(2n ** 64n), 'ERR_VFIO_RANGE', 'ACQ'],
    ['a negative number', () => regs.CC.write(-1), 'ERR_VFIO_RANGE', 'CC'],
    ['a negative bigint', () => regs.ACQ.write(-1n), 'ERR_VFIO_RANGE', 'ACQ'],
    ['a fraction', () => regs.CC.write(0.5), 'ERR_VFIO_RANGE', 'CC'],
    ['a bigint', () => regs.CC.write(1n as never), 'ERR_INVALID_ARG_TYPE', 'CC'],
    ['a number', () => regs.ACQ.write(1 as never), 'ERR_INVALID_ARG_TYPE', 'ACQ'],
    ['a string', () => regs.BYTE.write('1' as never), 'ERR_INVALID_ARG_TYPE', 'BYTE'],
    ['undefined', () => regs.HALF.write(undefined as never), 'ERR_INVALID_ARG_TYPE', 'HALF'],
    ['an index at the end', () => regs.TAIL.at(4), 'ERR_VFIO_RANGE', 'the index of TAIL'],
    ['a negative index', () => regs.TAIL.at(-1), 'ERR_VFIO_RANGE', 'the index of TAIL'],
    ['a fractional index', () => regs.TAIL.at(0.5), 'ERR_VFIO_RANGE', 'the index of TAIL'],
    ['an index as text', () => regs.TAIL.at('0' as never), 'ERR_INVALID_ARG_TYPE', 'TAIL'],
    ['length as index', () => regs.TAIL.at('length' as never), 'ERR_INVALID_ARG_TYPE', 'TAIL'],
    ['a value of an array', () => regs.TAIL.at(3).write(-1), 'ERR_VFIO_RANGE', 'TAIL[3]'],
  ])('follows from %s', (_what, work, code, text) => {
    const error = thrownBy(work);
    expect(error.code).toBe(code);
    expect(error.message).toContain(text);
    expect(space.take()).toEqual([]);
  });

  test('follows from a field that it says why it refuses', () => {
    expect(thrownBy(() => regs.CONTROL.set({ DONE: 1 } as never)).message).toBe(
      'CONTROL cannot set DONE, which is w1c: set() accepts ON, GO, MODE',
    );
    expect(thrownBy(() => MAP.HALF.encode({ LEVEL: 1 } as never)).message).toBe(
      'HALF has no field "LEVEL": encode() accepts no field',
    );
  });
});

describe('set', () => {
  test('is one read and one write', () => {
    space.poke(32, 0x14, 0xff00_0001n);
    regs.CC.set({ EN: 0, IOSQES: 6 });
    expect(space.take()).toEqual([
      ['read32', 0x14, 0xff00_0001],
      ['write32', 0x14, 0xff06_0000],
    ]);
  });

  test('of no field is the same', () => {
    space.poke(32, 0x14, 0xff00_0001n);
    regs.CC.set({});
    expect(space.take()).toEqual([
      ['read32', 0x14, 0xff00_0001],
      ['write32', 0x14, 0xff00_0001],
    ]);
  });

  test('clears nothing that was not meant, and gives no command', () => {
    space.poke(32, 0x34, 0xffff_ffffn);
    regs.CONTROL.set({ ON: 0 });
    expect(space.take()[1]).toEqual(['write32', 0x34, 0xffff_ffd0]);
    space.poke(32, 0x34, 0x3en);
    regs.CONTROL.set({ GO: 1, MODE: 7 });
    expect(space.take()[1]).toEqual(['write32', 0x34, 0x730]);
  });

  test('in a w1c register keeps what is rw, and writes no other one', () => {
    space.poke(32, 0x38, 0xffff_ffffn);
    regs.ENABLES.set({ MASK: 5 });
    expect(space.take()).toEqual([
      ['read32', 0x38, 0xffff_ffff],
      ['write32', 0x38, 0x50],
    ]);
  });

  test('does the same with 64 bits', () => {
    space.poke(64, 0x40, 0x7fff_ffff_0000_0001n);
    regs.WIDE.set({ ON: 1, LOW: 0xffff_ffff });
    expect(space.take()).toEqual([
      ['read64', 0x40, 0x7fff_ffff_0000_0001n],
      ['write64', 0x40, 0xbfff_ffff_ffff_ffffn],
    ]);
    regs.ACQ.set({ ACQB: 1n });
    expect(space.take()[1]).toEqual(['write64', 0x28, 0x1000n]);
  });
});

describe('clear', () => {
  test('is one write where nothing is to be kept', () => {
    space.poke(32, 0x30, 0xffff_ffffn);
    regs.EVENTS.clear('FAIL');
    regs.EVENTS.clear('DONE', 'FAIL');
    regs.FULL.clear('FLAGS');
    expect(space.take()).toEqual([
      ['write32', 0x30, 2],
      ['write32', 0x30, 3],
      ['write8', 0x3c, 0x3f],
    ]);
  });

  test('keeps what is rw or has no name, and clears no other field', () => {
    space.poke(32, 0x34, 0xffff_ffffn);
    regs.CONTROL.clear('FAIL');
    expect(space.take()).toEqual([
      ['read32', 0x34, 0xffff_ffff],
      ['write32', 0x34, 0xffff_ffdd],
    ]);
    space.poke(32, 0x38, 0xffff_ffffn);
    regs.ENABLES.clear('SEEN');
    expect(space.take()).toEqual([
      ['read32', 0x38, 0xffff_ffff],
      ['write32', 0x38, 0xff],
    ]);
  });

  test('does the same with 64 bits', () => {
    space.poke(64, 0x40, 0xffff_ffff_ffff_ffffn);
    regs.WIDE.clear('DONE');
    expect(space.take()[1]).toEqual(['write64', 0x40, 0xffff_ffff_ffff_ffffn]);
  });
});

describe('an array', () => {
  test('has registers at its stride', () => {
    regs.LANE.at(2).write(1);
    expect(regs.LANE.at(2).UP).toBe(1);
    regs.HEAD.at(3).write(7);
    expect(space.take()).toEqual([
      ['write32', 0x70, 1],
      ['read32', 0x70, 1],
      ['write32', 0x101c, 7],
    ]);
    expect(regs.LANE.at(1).describe()).toBe('LANE[1] 0x00000000 UP=0');
    expect(regs.LANE.at(1)).toMatchObject({ name: 'LANE[1]', offset: 0x60 });
  });

  test('has as many as the map says, each of them once', () => {
    expect(regs.LANE.count).toBe(3);
    expect(regs.LANE.at(1)).toBe(regs.LANE.at(1));
    expect(regs.LANE.at(1)).not.toBe(regs.LANE.at(0));
  });
});

/** A register whose fields have any kind of access, with its content and the values to set. */
const anyRegister = fc
  .record({
    width: fc.constantFrom(8, 16, 32, 64),
    access: fc.constantFrom('rw', 'w1c'),
    cuts: fc.array(
      fc.tuple(
        fc.nat(3),
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom('rw', 'ro', 'wo', 'w1c'),
      ),
      { maxLength: 12 },
    ),
    bits: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    given: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    chosen: fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
  })
  .map(({ width, access, cuts, bits, given, chosen }) => {
    const fields: { name: string; high: number; low: number; access: string; mask: bigint }[] = [];
    let next = 0;
    for (const [gap, size, access] of cuts) {
      const [low, high] = [next + gap, next + gap + size - 1];
      if (high >= width) continue;
      const mask = BigInt.asUintN(size, -1n) << BigInt(low);
      fields.push({ name: `F${fields.length}`, high, low, access, mask });
      next = high + 1;
    }
    const specs = fields.map(({ name, high, low, access }) => [
      name,
      { bits: [high, low], access },
    ]);
    const spec = { at: 8, width, access, fields: Object.fromEntries(specs) };
    const map = defineRegisters({ R: spec } as RegisterSpecs);
    const pick = (...kinds: string[]) =>
      fields.filter((field, index) => kinds.includes(field.access) && chosen[index]);
    const masked = (...kinds: string[]) =>
      fields
        .filter((field) => kinds.includes(field.access))
        .reduce((sum, { mask }) => sum | mask, 0n);
    const before = BigInt.asUintN(width, bits);
    return { map, width, access, pick, masked, before, given: BigInt.asUintN(width, given) };
  });

describe('with any fields', () => {
  // How the device reacts to a write: a one clears a w1c bit, and ro bits do not change.
  function model(target: RecordingSpace, w1c: bigint, ro: bigint): void {
    target.onWrite = (before, written) =>
      (before & ro) | (before & w1c & ~written) | (written & ~ro & ~w1c);
  }

  test('set changes only its fields', () => {
    fc.assert(
      fc.property(anyRegister, ({ map, width, access, pick, masked, before, given }) => {
        const { R } = bindRegisters(space, map);
        const fields = pick('rw', 'wo');
        if (!('set' in (R as object)) || fields.length === 0) return;
        const unnamed = ~masked('rw', 'ro', 'wo', 'w1c');
        model(space, masked('w1c') | (access === 'w1c' ? unnamed : 0n), masked('ro'));
        space.poke(width, 8, before);
        space.take();
        const values = fields.map(({ name, high, low }) => [
          name,
          Number(BigInt.asUintN(high - low + 1, given >> BigInt(low))),
        ]);
        (R as unknown as { set(values: object): void }).set(Object.fromEntries(values));
        expect(space.take().map(([name]) => name)).toEqual([`read${width}`, `write${width}`]);
        const mask = fields.reduce((sum, { mask }) => sum | mask, 0n);
        const others = ~mask & ~masked('wo');
        const after = space.peek(width, 8);
        expect(after & mask).toBe(given & mask);
        expect(after & others).toBe(before & others);
        expect(after & masked('wo') & ~mask).toBe(0n);
      }),
      { numRuns: 500 },
    );
  });

  test('clear clears only its fields', () => {
    fc.assert(
      fc.property(anyRegister, ({ map, width, access, pick, masked, before }) => {
        const { R } = bindRegisters(space, map);
        const fields = pick('w1c');
        if (fields.length === 0) return;
        const unnamed = ~masked('rw', 'ro', 'wo', 'w1c');
        model(space, masked('w1c') | (access === 'w1c' ? unnamed : 0n), masked('ro'));
        space.poke(width, 8, before);
        space.take();
        const names = fields.map(({ name }) => name);
        (R as unknown as { clear(...names: string[]): void }).clear(...names);
        const writes = space.take().filter(([name]) => name.startsWith('write'));
        expect(writes).toHaveLength(1);
        const mask = fields.reduce((sum, { mask }) => sum | mask, 0n);
        const after = space.peek(width, 8);
        expect(after).toBe(before & ~mask & ~masked('wo'));
      }),
      { numRuns: 500 },
    );
  });
});

test('the registers of a region throw what it throws', () => {
  const native = new FakeNative();
  native.container.devices.push(new FakeDevice('0000:01:00.0', native.log));
  const info = regionInfo({ index: 0, flags: 7, size: 0x2000, mappable: [] } as never);
  const direct = new DirectMemory(undefined);
  const { CC } = bindRegisters(new Region(ours, native, 0, info, '0000:01:00.0', direct), MAP);
  CC.set({ EN: 1 });
  expect(CC.EN).toBe(1);
  expect(native.access).toEqual(['read32', 0, 0x14]);
  native.device.failure = -1;
  const code = thrownBy(() => native && CC.read()).code;
  expect(code).toMatch(/^ERR_VFIO_/);
  expect(thrownBy(() => CC.EN).code).toBe(code);
  expect(thrownBy(() => CC.write(0)).code).toBe(code);
  expect(thrownBy(() => CC.set({ EN: 0 })).code).toBe(code);
});
