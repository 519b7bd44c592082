// SPDX-License-Identifier: MIT
// Registers in memory (structs), waiting for fields, dumps, traces, and 64-bit registers of two halves.
import { beforeEach, describe, expect, test } from '@jest/globals';
import { DmaBuffer } from '../../lib/dma.js';
import { VfioError } from '../../lib/errors.js';
import { ours } from '../../lib/internal/ours.js';
import { memoryAccessors } from '../../lib/registers/memory.js';
import {
  type AccessTrace,
  bindRegisters,
  bindStructs,
  defineRegisters,
  describeAll,
  type RegisterSpace,
  traced,
} from '../../lib/registers.js';
import { fakeBuffer, thrownBy } from './lib-fake-native.js';

const OWNED = defineRegisters({ CONTROL: { at: 0, fields: { OWN: 0 } } });
const DESCRIPTOR = defineRegisters({
  ADDRESS: { at: 0, width: 64 },
  LENGTH: { at: 8, width: 16 },
  FLAGS: { at: 10, width: 8, fields: { LAST: 0, MORE: [2, 1] } },
  KIND: { at: 11, width: 8 },
  STATUS: { at: 12, fields: { DONE: 0, ERROR: [7, 4], GO: { bits: 8, access: 'wo' } } },
});

const HALVES = defineRegisters({
  LOW: { at: 4, width: 64, halves: 'lowFirst', fields: { TOP: [63, 60], BIT: 0 } },
  HIGH: { at: 0x14, width: 64, halves: 'highFirst' },
  MANY: { at: 0x24, width: 64, halves: 'lowFirst', count: 2, stride: 12 },
});

let buffer: DmaBuffer;

beforeEach(() => {
  buffer = new DmaBuffer(ours, fakeBuffer(0x10000n, 4096, []), () => {});
});

/** A space of 4 KiB whose reads of 32 bits return these values in turn, and then the last one again. */
function answering(...values: number[]): RegisterSpace & { log: string[] } {
  const log: string[] = [];
  const read = (width: number) => (offset: number) => {
    log.push(`read${width} 0x${offset.toString(16)}`);
    return values.length > 1 ? (values.shift() as number) : (values[0] ?? 0);
  };
  const write = (width: number) => (offset: number, value: number | bigint) =>
    void log.push(`write${width} 0x${offset.toString(16)} 0x${value.toString(16)}`);
  return {
    name: 'BAR0',
    address: '0000:01:00.0',
    byteLength: 4096,
    log,
    read8: read(8),
    read16: read(16),
    read32: read(32),
    read64: (offset) => BigInt(read(64)(offset)),
    write8: write(8),
    write16: write(16),
    write32: write(32),
    write64: write(64),
  };
}

describe('a struct in memory', () => {
  test('is little-endian, with one word of its width for each register', () => {
    const struct = bindRegisters(buffer, DESCRIPTOR, 0x40);
    struct.ADDRESS.write(0x1122_3344_5566_7788n);
    struct.LENGTH.write(0x0102);
    struct.FLAGS.set({ LAST: 1, MORE: 2 });
    struct.KIND.write(0xfe);
    struct.STATUS.write(0x0a0b_0c0d);
    const bytes = [
      0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 2, 1, 5, 0xfe, 0xd, 0xc, 0xb, 0xa,
    ];
    expect([...buffer.u8.subarray(0x40, 0x50)]).toEqual(bytes);
    expect(buffer.u8.subarray(0, 0x40).every((byte) => byte === 0)).toBe(true);
    expect(buffer.u8.subarray(0x50).every((byte) => byte === 0)).toBe(true);
    expect(struct.ADDRESS.read()).toBe(0x1122_3344_5566_7788n);
    expect(struct.LENGTH.read()).toBe(0x0102);
    expect(struct.FLAGS.get()).toEqual({ LAST: 1, MORE: 2 });
    expect(struct.KIND.read()).toBe(0xfe);
    expect(struct.STATUS.describe()).toBe('STATUS 0x0a0b0c0d DONE=1 ERROR=0');
  });

  test('shows what a device writes', () => {
    const { STATUS } = bindRegisters(buffer, DESCRIPTOR);
    expect(STATUS.DONE).toBe(0);
    buffer.u32[3] = 0x31;
    expect([STATUS.DONE, STATUS.ERROR]).toEqual([1, 3]);
  });

  test('reads zeros after close, and is not bound then', () => {
    const { STATUS } = bindRegisters(buffer, DESCRIPTOR);
    buffer.close();
    expect(STATUS.read()).toBe(0);
    expect(thrownBy(() => bindRegisters(buffer, DESCRIPTOR)).code).toBe('ERR_VFIO_CLOSED');
    expect(thrownBy(() => traced(buffer, () => {})).code).toBe('ERR_VFIO_CLOSED');
  });

  test.each([
    ['beyond the end', 4088, 'ERR_VFIO_RANGE', 'beyond the 4096 bytes of DmaBuffer at 0x10000'],
    ['where a word is not aligned', 4, 'ERR_VFIO_ALIGN', 'ADDRESS'],
  ])('is not bound %s', (_what, base, code, text) => {
    const error = thrownBy(() => bindRegisters(buffer, DESCRIPTOR, base));
    expect(error).toMatchObject({ code, message: expect.stringContaining(text) });
  });
});

describe('an array of structs', () => {
  const ring = () => bindStructs(buffer, DESCRIPTOR, { count: 4, stride: 32, base: 0x80 });

  test('has its structs at the stride, each of them once', () => {
    const structs = ring();
    structs.at(3).LENGTH.write(7);
    expect(buffer.u16[(0x80 + 3 * 32 + 8) / 2]).toBe(7);
    expect(structs.count).toBe(4);
    expect(structs.at(3)).toBe(structs.at(3));
    expect(structs.at(3)).not.toBe(structs.at(2));
    expect(structs.at(1).STATUS).toMatchObject({ name: '[1].STATUS', offset: 0xac });
    expect(thrownBy(() => structs.at(1).LENGTH.write(-1)).message).toContain('[1].LENGTH');
  });

  test('is one of register blocks in a region, too', () => {
    const space = answering(0);
    bindStructs(space, DESCRIPTOR, { count: 2, stride: 0x100 }).at(1).STATUS.write(1);
    expect(space.log).toEqual(['write32 0x10c 0x1']);
  });

  test.each<[string, unknown, string]>([
    ['too many for the buffer', { count: 257, stride: 16 }, 'ERR_VFIO_RANGE'],
    ['with a stride below the size', { count: 2, stride: 8 }, 'ERR_VFIO_RANGE'],
    ['with a stride that is not aligned', { count: 2, stride: 20 }, 'ERR_VFIO_ALIGN'],
    ['with a base that is not aligned', { count: 2, stride: 16, base: 4 }, 'ERR_VFIO_ALIGN'],
    ['with none', { count: 0, stride: 16 }, 'ERR_VFIO_RANGE'],
    ['without a stride', { count: 2 }, 'ERR_INVALID_ARG_TYPE'],
    ['with an unknown key', { count: 2, stride: 16, size: 3 }, 'ERR_INVALID_ARG_VALUE'],
    ['without places', undefined, 'ERR_INVALID_ARG_TYPE'],
  ])('is refused %s', (_what, places, code) => {
    expect(thrownBy(() => bindStructs(buffer, DESCRIPTOR, places as never)).code).toBe(code);
  });

  test.each([4, -1, 0.5])('has no index %p', (index) => {
    expect(thrownBy(() => ring().at(index)).code).toBe('ERR_VFIO_RANGE');
  });

  test('has structs that begin where their first register is', () => {
    const PORT = defineRegisters({ CHANGE: { at: 6, width: 16 }, STATUS: { at: 4, width: 16 } });
    const ports = bindStructs(buffer, PORT, { count: 3, stride: 4 });
    ports.at(2).STATUS.write(7);
    expect([...buffer.u16.subarray(2, 8)]).toEqual([0, 0, 0, 0, 7, 0]);
    const { message } = thrownBy(() => bindStructs(buffer, PORT, { count: 3, stride: 2 }));
    expect(message).toContain('CHANGE ends at byte 4 of its struct, beyond the stride of 2 bytes');
  });

  test('may touch: the last struct ends with the buffer', () => {
    const structs = bindStructs(buffer, DESCRIPTOR, { count: 256, stride: 16 });
    structs.at(255).STATUS.write(0xffff_ffff);
    expect(buffer.u32[1023]).toBe(0xffff_ffff);
  });
});

describe('a register of two halves', () => {
  test.each([
    ['LOW', ['read32 0x4', 'read32 0x8'], ['write32 0x4 0x5', 'write32 0x8 0x7']],
    ['HIGH', ['read32 0x18', 'read32 0x14'], ['write32 0x18 0x7', 'write32 0x14 0x5']],
  ] as const)('%s has its order', (name, reads, writes) => {
    const space = answering(1, 2);
    const register = bindRegisters(space, HALVES)[name];
    expect(register.read()).toBe(name === 'LOW' ? 0x2_0000_0001n : 0x1_0000_0002n);
    register.write(0x7_0000_0005n);
    expect(space.log).toEqual([...reads, ...writes]);
    expect(thrownBy(() => register.write(2n ** 64n)).code).toBe('ERR_VFIO_RANGE');
    expect(space.log).toHaveLength(4);
  });

  test('has fields, and is aligned as its halves are', () => {
    const { LOW, MANY } = bindRegisters(buffer, HALVES, 4);
    LOW.set({ TOP: 9, BIT: 1 });
    expect([LOW.TOP, buffer.u32[2], buffer.u32[3]]).toEqual([9, 1, 0x9000_0000]);
    expect(MANY.at(1).offset).toBe(0x34);
    expect([HALVES.LOW.halves, DESCRIPTOR.ADDRESS.halves]).toEqual(['lowFirst', undefined]);
  });

  test.each([
    ['of 32 bits', { at: 0, halves: 'lowFirst' }, 'ERR_INVALID_ARG_VALUE'],
    ['in another order', { at: 0, width: 64, halves: 'low' }, 'ERR_INVALID_ARG_VALUE'],
    ['at an odd offset', { at: 2, width: 64, halves: 'lowFirst' }, 'ERR_VFIO_ALIGN'],
  ])('is not one %s', (_what, spec, code) => {
    expect(thrownBy(() => defineRegisters({ R: spec } as never)).code).toBe(code);
  });
});

describe('until', () => {
  const MAP = defineRegisters({
    STATUS: {
      at: 8,
      fields: {
        LU: 1,
        SPEED: { bits: [7, 6], values: { slow: 0, fast: 2 } },
        GO: { bits: 9, access: 'wo' },
      },
    },
    LANE: { at: 0x10, count: 2, width: 16, fields: { UP: 0 } },
    BYTE: { at: 0x20, width: 8, fields: { READY: 7 } },
    WIDE: { at: 0x28, width: 64, fields: { KEY: [63, 16], OK: 0 } },
    PAIR: { at: 0x34, width: 64, halves: 'highFirst', fields: { OK: 32 } },
    EVENT: { at: 0x40, access: 'rc', fields: { DONE: 0 } },
  });

  test('resolves with the fields of the read that found them', async () => {
    const space = answering(0, 0, 0x182, 0);
    expect(await bindRegisters(space, MAP).STATUS.until({ LU: 1, SPEED: 2 })).toEqual({
      LU: 1,
      SPEED: 2,
    });
    expect(space.log).toEqual(['read32 0x8', 'read32 0x8', 'read32 0x8']);
  });

  test('lets the event loop run, in which memory changes', async () => {
    const regs = bindRegisters(buffer, MAP);
    setImmediate(() => {
      buffer.u16[9] = 1;
      buffer.u8[0x20] = 0x80;
      buffer.u64[5] = (0xffff_0000_0001n << 16n) | 1n;
      buffer.u32[14] = 1;
    });
    const waits = [
      regs.LANE.at(1).until({ UP: 1 }),
      regs.BYTE.until({ READY: 1 }),
      regs.WIDE.until({ KEY: 0xffff_0000_0001n, OK: 1 }),
      regs.PAIR.until({ OK: 1 }),
    ];
    expect(await Promise.all(waits)).toEqual([
      { UP: 1 },
      { READY: 1 },
      { KEY: 0xffff_0000_0001n, OK: 1 },
      { OK: 1 },
    ]);
  });

  test('ends with the time, and says what was awaited and read last', async () => {
    const { STATUS } = bindRegisters(answering(0x180), MAP);
    await expect(STATUS.until({ LU: 1, SPEED: 0 }, { timeout: 5 })).rejects.toMatchObject({
      code: 'ERR_VFIO_TIMEOUT',
      message: expect.stringContaining(
        'STATUS of BAR0 of 0000:01:00.0 did not become LU=1 SPEED=slow within 5 ms ' +
          '(the last read was STATUS 0x00000180 LU=0 SPEED=fast)\n' +
          'The device answers. Check the register and the awaited value',
      ),
      address: '0000:01:00.0',
      hint: expect.any(String),
    });
    const silent = bindRegisters(answering(0xffff_ffff), MAP).STATUS;
    await expect(silent.until({ LU: 0 }, { timeout: 0 })).rejects.toThrow('memory decode is off');
    const struct = bindStructs(buffer, MAP, { count: 2, stride: 0x80 }).at(1);
    await expect(struct.LANE.at(1).until({ UP: 1 }, { timeout: 0 })).rejects.toMatchObject({
      message: expect.stringContaining(
        '[1].LANE[1] of DmaBuffer at 0x10000 did not become UP=1 within 0 ms ' +
          '(the last read was [1].LANE[1] 0x0000 UP=0)\nThe device writes memory by DMA.',
      ),
    });
  });

  test('does not speak of DMA for a space of the program that has no address', async () => {
    const { address: _, ...space } = answering(0);
    const { STATUS } = bindRegisters(space, MAP);
    await expect(STATUS.until({ LU: 1 }, { timeout: 0 })).rejects.toThrow(
      /STATUS of BAR0 did not become LU=1 .*\nThe device answers/,
    );
  });

  test('knows all ones of each width, and only all ones', async () => {
    const { u8, u16, u32, u64 } = buffer;
    u32.fill(0xffff_ffff);
    const space = {
      ...memoryAccessors(buffer, () => false),
      address: '0000:01:00.0',
      closed: undefined,
    };
    const { LANE, BYTE, WIDE } = bindRegisters(space, MAP);
    const limit = { timeout: 0 };
    const waits = () => [
      LANE.at(0).until({ UP: 0 }, limit),
      BYTE.until({ READY: 0 }, limit),
      WIDE.until({ OK: 0 }, limit),
    ];
    for (const wait of waits()) await expect(wait).rejects.toThrow('All ones usually mean');
    u16[8] = 0x7fff;
    u8[0x20] = 0xfe;
    u64[5] = 2n ** 63n - 1n;
    for (const wait of waits()) await expect(wait).rejects.toThrow('The device answers.');
  });

  test('ends with the signal', async () => {
    const { STATUS } = bindRegisters(answering(0), MAP);
    const controller = new AbortController();
    const waiting = STATUS.until({ LU: 1 }, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    const { signal } = controller;
    await expect(STATUS.until({ LU: 0 }, { signal })).rejects.toThrow('enough');
  });

  test('does not take the zeros of a closed buffer for an answer', async () => {
    const memory = { ...fakeSpace(), closed: false };
    const { CONTROL } = bindRegisters(memory as never, OWNED);
    CONTROL.write(1);
    const waiting = CONTROL.until({ OWN: 0 });
    memory.u32[0] = 0;
    memory.closed = true;
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_VFIO_CLOSED' });
    await expect(CONTROL.until({ OWN: 0 })).rejects.toMatchObject({ code: 'ERR_VFIO_CLOSED' });
  });

  test('does not take them for an answer if the memory is traced', async () => {
    const memory = { ...fakeSpace(), closed: false };
    const { CONTROL } = bindRegisters(
      traced(
        traced(memory as never, () => {}),
        () => {},
      ),
      OWNED,
    );
    CONTROL.write(1);
    const waiting = CONTROL.until({ OWN: 0 });
    memory.u32[0] = 0;
    memory.closed = true;
    await expect(waiting).rejects.toMatchObject({
      code: 'ERR_VFIO_CLOSED',
      message: expect.stringContaining('DmaBuffer at 0x'),
    });
  });

  test('throws what a read throws', async () => {
    const space = answering(0);
    space.read32 = () => {
      throw new VfioError('ERR_VFIO_LOST', 'the device is gone');
    };
    const { STATUS } = bindRegisters(space, MAP);
    await expect(STATUS.until({ LU: 1 })).rejects.toMatchObject({ code: 'ERR_VFIO_LOST' });
  });

  test.each<[string, unknown, unknown, string]>([
    ['no field', {}, undefined, 'ERR_INVALID_ARG_TYPE'],
    ['an unknown field', { UL: 1 }, undefined, 'ERR_INVALID_ARG_VALUE'],
    ['a write-only field', { GO: 1 }, undefined, 'ERR_INVALID_ARG_VALUE'],
    ['a value that is too large', { LU: 2 }, undefined, 'ERR_VFIO_RANGE'],
    ['an unknown option', { LU: 1 }, { time: 1 }, 'ERR_INVALID_ARG_VALUE'],
    ['a negative timeout', { LU: 1 }, { timeout: -1 }, 'ERR_VFIO_RANGE'],
  ])('rejects for %s before any access', async (_what, values, options, code) => {
    const space = answering(0);
    const { STATUS } = bindRegisters(space, MAP);
    await expect(STATUS.until(values as never, options as never)).rejects.toMatchObject({ code });
    expect(space.log).toEqual([]);
  });

  test('is not there for a register that a read clears', () => {
    expect('until' in bindRegisters(buffer, MAP).EVENT).toBe(false);
    expect(
      thrownBy(() => defineRegisters({ R: { at: 0, fields: { until: 0 } } } as never)).code,
    ).toBe('ERR_INVALID_ARG_VALUE');
  });
});

describe('describeAll', () => {
  const MAP = defineRegisters({
    VS: { at: 0x108, access: 'ro', fields: { MJR: [31, 16] } },
    EVENT: { at: 0x10, access: 'rc', fields: { DONE: 0 } },
    LANE: { at: 0x20, count: 2, width: 16, fields: { UP: 0 } },
    TAIL: { at: 0x40, access: 'wo', count: 2 },
    GO: { at: 0x50, access: 'wo' },
    PLAIN: { at: 0x60, width: 8 },
  });

  test('reads each register once, and none that a read changes', () => {
    const space = answering(0x10001);
    expect(describeAll(bindRegisters(space, MAP)).split('\n')).toEqual([
      '0x108 VS 0x00010001 MJR=1',
      '0x020 LANE[0] 0x10001 UP=1',
      '0x022 LANE[1] 0x10001 UP=1',
      '0x060 PLAIN 0x10001',
    ]);
    expect(space.log).toEqual(['read32 0x108', 'read16 0x20', 'read16 0x22', 'read8 0x60']);
  });

  test('is of structs, and of nothing else', () => {
    const struct = bindStructs(buffer, DESCRIPTOR, { count: 2, stride: 16 }).at(1);
    expect(describeAll(struct)).toContain('0x1c [1].STATUS 0x00000000 DONE=0 ERROR=0');
    const structs = bindStructs(buffer, DESCRIPTOR, { count: 2, stride: 16 });
    for (const wrong of [undefined, {}, MAP, struct.STATUS, structs]) {
      expect(thrownBy(() => describeAll(wrong as never))).toMatchObject({
        code: 'ERR_INVALID_ARG_TYPE',
        message: expect.stringContaining('or one struct of bindStructs (`structs.at(0)`)'),
      });
    }
  });

  test('does not show the zeros of closed memory', () => {
    const memory = { ...fakeSpace(), closed: false };
    const regs = bindRegisters(memory as never, OWNED);
    memory.closed = true;
    expect(thrownBy(() => describeAll(regs)).code).toBe('ERR_VFIO_CLOSED');
  });

  test('is of as many registers as fit', () => {
    const count = 200_000;
    const many = defineRegisters({ WORD: { at: 0, width: 16, count } });
    const space = { ...answering(0), byteLength: 2 * count };
    expect(describeAll(bindRegisters(space, many)).split('\n')).toHaveLength(count);
  });
});

describe('traced', () => {
  let lines: AccessTrace[];
  const log = (access: AccessTrace) => void lines.push(JSON.parse(JSON.stringify(access)));

  beforeEach(() => {
    lines = [];
  });

  test('reports each access with the name of its register', () => {
    const space = answering(1);
    const regs = bindRegisters(traced(space, log), DESCRIPTOR, 0x10);
    regs.STATUS.set({ ERROR: 2 });
    regs.ADDRESS.write(0xabcn);
    expect(space.log).toEqual(['read32 0x1c', 'write32 0x1c 0x21', 'write64 0x10 0xabc']);
    const common = { schema: 'vfio.trace/1', device: '0000:01:00.0', region: 'BAR0' };
    expect(lines.map(({ time, ...rest }) => rest)).toEqual([
      { ...common, op: 'read', offset: 0x1c, width: 32, value: '0x00000001', name: 'STATUS' },
      { ...common, op: 'write', offset: 0x1c, width: 32, value: '0x00000021', name: 'STATUS' },
      {
        ...common,
        op: 'write',
        offset: 0x10,
        width: 64,
        value: '0x0000000000000abc',
        name: 'ADDRESS',
      },
    ]);
    const times = lines.map(({ time }) => time);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times.every(Number.isSafeInteger)).toBe(true);
  });

  test('is of memory, structs, arrays and halves, too', () => {
    const space = traced(buffer, log);
    bindStructs(space, HALVES, { count: 2, stride: 0x40 })
      .at(1)
      .MANY.at(1)
      .write(1n << 32n);
    expect(lines).toMatchObject([
      { op: 'write', region: 'DmaBuffer at 0x10000', offset: 0x70, width: 32, name: '[1].MANY[1]' },
      { op: 'write', offset: 0x74, value: '0x00000001', name: '[1].MANY[1]' },
    ]);
    expect('device' in (lines[0] as object)).toBe(false);
    expect(buffer.u32[0x74 / 4]).toBe(1);
  });

  test('has the accessors of a region', () => {
    const space = traced(buffer, log);
    space.write8(1, 0xff);
    space.write16(2, 0xabcd);
    space.write32(4, 0x8000_0000);
    space.write64(8, 5n);
    expect([space.read8(1), space.read16(2), space.read32(4), space.read64(8)]).toEqual([
      0xff,
      0xabcd,
      0x8000_0000,
      5n,
    ]);
    expect(space).toMatchObject({ name: 'DmaBuffer at 0x10000', byteLength: 4096 });
    expect(lines.map(({ op, width, value }) => `${op}${width} ${value}`)).toEqual([
      'write8 0xff',
      'write16 0xabcd',
      'write32 0x80000000',
      'write64 0x0000000000000005',
      'read8 0xff',
      'read16 0xabcd',
      'read32 0x80000000',
      'read64 0x0000000000000005',
    ]);
    expect(lines.some((line) => 'name' in line)).toBe(false);
  });

  test('names registers in each trace of a trace', () => {
    const outer: AccessTrace[] = [];
    const space = traced(traced(answering(1), log), (access) => outer.push(access));
    bindRegisters(space, DESCRIPTOR).STATUS.read();
    expect([lines, outer].map((of) => of.map(({ name }) => name))).toEqual([
      ['STATUS'],
      ['STATUS'],
    ]);
  });

  test('throws what `log` throws, unless the access has thrown', () => {
    const space = answering(7);
    const full = () => {
      throw new Error('no space left');
    };
    expect(thrownBy(() => traced(space, full).write32(0, 7)).message).toBe('no space left');
    expect(space.log).toEqual(['write32 0x0 0x7']);
    space.read32 = () => {
      throw new VfioError('ERR_VFIO_LOST', 'gone');
    };
    expect(thrownBy(() => traced(space, full).read32(0)).code).toBe('ERR_VFIO_LOST');
  });

  test('reports what an access throws, and throws it', () => {
    const space = answering(0);
    const lost = () => {
      throw new VfioError('ERR_VFIO_LOST', 'gone');
    };
    Object.assign(space, { read32: lost, write32: lost });
    const { STATUS } = bindRegisters(traced(space, log), DESCRIPTOR);
    expect(thrownBy(() => STATUS.read()).code).toBe('ERR_VFIO_LOST');
    expect(thrownBy(() => STATUS.write(3)).code).toBe('ERR_VFIO_LOST');
    expect(lines).toMatchObject([
      { op: 'read', error: 'ERR_VFIO_LOST' },
      { op: 'write', error: 'ERR_VFIO_LOST', value: '0x00000003' },
    ]);
    expect('value' in (lines[0] as object)).toBe(false);
  });

  test.each<[string, (space: RegisterSpace) => unknown, string]>([
    ['an offset that is not aligned', (space) => space.read32(2), 'ERR_VFIO_ALIGN'],
    ['an offset beyond the end', (space) => space.write8(4096, 0), 'ERR_VFIO_RANGE'],
    ['a value too wide', (space) => space.write16(0, 0x10000), 'ERR_VFIO_RANGE'],
    ['a value of the wrong type', (space) => space.write64(0, 1 as never), 'ERR_INVALID_ARG_TYPE'],
  ])('refuses %s without an access', (_what, work, code) => {
    expect(thrownBy(() => work(traced(buffer, log))).code).toBe(code);
    expect(lines).toEqual([]);
  });

  test.each<[string, object]>([
    ['an address that is not a bigint', { iova: 0 }],
    ['an address that cannot be printed', { iova: detached() }],
    ['no size', { byteLength: undefined }],
    ['bytes that are not a Uint8Array', { u8: [0] }],
    ['a view of another width', { u16: new Uint8Array(8) }],
    ['words that are signed', { u32: new Int32Array(2) }],
    ['64-bit words of another type', { u64: new BigInt64Array(1) }],
  ])('refuses what looks like memory but has %s', (_what, wrong) => {
    const looksLike = { ...fakeSpace(), ...wrong } as never;
    expect(thrownBy(() => traced(looksLike, log)).code).toBe('ERR_INVALID_ARG_TYPE');
    expect(thrownBy(() => bindRegisters(looksLike, DESCRIPTOR)).code).toBe('ERR_INVALID_ARG_TYPE');
  });

  test('needs something to trace, and a function', () => {
    expect(thrownBy(() => traced({} as never, log)).code).toBe('ERR_INVALID_ARG_TYPE');
    expect(thrownBy(() => traced(buffer, undefined as never)).code).toBe('ERR_INVALID_ARG_TYPE');
  });
});

/** Bytes whose `toString` throws. */
function detached(): Uint8Array {
  const bytes = new Uint8Array(8);
  structuredClone(bytes, { transfer: [bytes.buffer] });
  return bytes;
}

/** Eight bytes that look like DMA memory. */
function fakeSpace() {
  const buffer = new ArrayBuffer(8);
  const [u8, u16] = [new Uint8Array(buffer), new Uint16Array(buffer)];
  return {
    iova: 0n,
    byteLength: 8,
    u8,
    u16,
    u32: new Uint32Array(buffer),
    u64: new BigUint64Array(buffer),
  };
}
