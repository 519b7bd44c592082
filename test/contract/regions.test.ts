// SPDX-License-Identifier: MIT
// Regions: the BARs of edu and of an NVMe controller, their widths, their ends, and an MSI-X table inside one.
import { beforeAll, expect, test } from '@jest/globals';
import type { Device, Region } from '../../lib/index.js';
import { describeContract } from '../support/back-ends.js';
import { Edu } from '../support/edu.js';

const range = { code: 'ERR_VFIO_RANGE' };
const align = { code: 'ERR_VFIO_ALIGN' };

describeContract({ device: 'edu' }, 'a BAR', (subject) => {
  const held = subject.useDevice(subject.devices.edu);
  let device: Device;
  let bar: Region;

  beforeAll(() => {
    ({ device } = held);
    bar = device.bar(0);
  });

  test('is the same object every time', () => {
    expect(device.bar(0)).toBe(bar);
    expect(device.region(0)).toBe(bar);
  });

  test.each([0, 1, 0x5555_5555, 0x7fff_ffff, 0x8000_0000, 0xaaaa_aaaa, 0xffff_ffff])(
    'carries all bits of %i',
    (word) => {
      expect(new Edu(device).invert(word)).toBe(~word >>> 0);
    },
  );

  test.each([0n, 1n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n, 0x0123_4567_89ab_cdefn])(
    'carries all bits of %i in one access',
    (value) => {
      bar.write64(0x80, value);
      expect(bar.read64(0x80)).toBe(value);
    },
  );

  test('makes accesses of exactly the width asked for', () => {
    // Below 0x80, the device answers only 32-bit accesses. Above, it also answers 64-bit ones; 32 bits read the low
    // half.
    bar.write64(0x80, 0x1122_3344_5566_7788n);
    expect(bar.read64(0x80)).toBe(0x1122_3344_5566_7788n);
    expect(bar.read32(0x80)).toBe(0x5566_7788);
    const before = bar.read32(0x04);
    bar.write64(0x00, 0xdead_beef_dead_beefn);
    expect(bar.read32(0x04)).toBe(before);
  });

  test.each([
    ['its last word', () => bar.read32(2 ** 20 - 4)],
    ['its last 64 bits', () => bar.read64(2 ** 20 - 8)],
  ])('can be read at %s', (_where, read) => {
    expect(read()).toBeDefined();
  });

  test.each<[string, () => unknown, object]>([
    ['read8 at its end', () => bar.read8(2 ** 20), range],
    ['read16 at its end', () => bar.read16(2 ** 20), range],
    ['read32 at its end', () => bar.read32(2 ** 20), range],
    ['read64 at its end', () => bar.read64(2 ** 20), range],
    ['read64 across its end', () => bar.read64(2 ** 20 - 4), range],
    ['read32 across its end', () => bar.read32(2 ** 20 - 2), range],
    ['write8 at its end', () => bar.write8(2 ** 20, 0), range],
    ['write32 at its end', () => bar.write32(2 ** 20, 0), range],
    ['write64 across its end', () => bar.write64(2 ** 20 - 4, 0n), range],
    ['read32 before it', () => bar.read32(-4), range],
    ['read32 behind 2^31', () => bar.read32(2 ** 31), range],
    ['read32 behind 2^32, where 32 bits wrap', () => bar.read32(2 ** 32), range],
    ['read32 behind 2^53', () => bar.read32(2 ** 53), range],
    ['read32 at a fraction', () => bar.read32(0.5), range],
    ['read32 at NaN', () => bar.read32(Number.NaN), range],
    ['read32 at infinity', () => bar.read32(Number.POSITIVE_INFINITY), range],
    ['read16 unaligned', () => bar.read16(1), align],
    ['read32 unaligned', () => bar.read32(2), align],
    ['read64 unaligned', () => bar.read64(4), align],
    ['write32 unaligned', () => bar.write32(6, 0), align],
    ['write32 of more than 32 bits', () => bar.write32(4, 2 ** 32), range],
    ['write32 of a negative number', () => bar.write32(4, -1), range],
    ['write64 of more than 64 bits', () => bar.write64(0x80, 2n ** 64n), range],
    ['read32 at a string', () => bar.read32('4' as never), { code: 'ERR_INVALID_ARG_TYPE' }],
    ['read32 at a bigint', () => bar.read32(4n as never), { code: 'ERR_INVALID_ARG_TYPE' }],
    ['write32 of a bigint', () => bar.write32(4, 1n as never), { code: 'ERR_INVALID_ARG_TYPE' }],
    ['write64 of a number', () => bar.write64(0x80, 1 as never), { code: 'ERR_INVALID_ARG_TYPE' }],
  ])('refuses %s, and the device sees nothing', (_what, access, error) => {
    const liveness = bar.read32(0x04);
    const source = bar.read64(0x80);
    expect(access).toThrow(expect.objectContaining(error));
    expect(bar.read32(0x04)).toBe(liveness);
    expect(bar.read64(0x80)).toBe(source);
  });
});

describeContract({ device: 'nvme' }, 'a BAR with an MSI-X table', (subject) => {
  const held = subject.useDevice(subject.devices.nvme);
  let device: Device;
  let bar: Region;
  let table: number;

  beforeAll(() => {
    ({ device } = held);
    bar = device.bar(0);
    const { offset } = device.config.find(0x11) as { offset: number };
    const location = device.config.read32(offset + 4);
    expect(location & 7).toBe(0);
    table = location & ~7;
  });

  test('reads its registers in 8, 16, 32 and 64 bits alike', () => {
    // The registers are Controller Capabilities and Version. The version is 1.4.
    const capabilities = bar.read64(0x00);
    expect(bar.read32(0x00)).toBe(Number(capabilities & 0xffff_ffffn));
    expect(bar.read32(0x04)).toBe(Number(capabilities >> 32n));
    const halves = [0, 2, 4, 6].map((offset) => BigInt(bar.read16(offset)));
    expect(halves.reduceRight((high, half) => (high << 16n) | half)).toBe(capabilities);
    expect(bar.read32(0x08)).toBe(0x0001_0400);
    expect([bar.read8(0x08), bar.read8(0x09), bar.read8(0x0a)]).toEqual([0, 4, 1]);
  });

  test('has its table inside', () => {
    expect(table).toBeGreaterThan(0);
    expect(table + 65 * 16).toBeLessThanOrEqual(bar.byteLength);
  });

  test('can be read in the table, which gives nothing away and harms nothing', () => {
    device.busMaster = true;
    using armed = device.enableInterrupts('msix', { count: 2 });
    for (let offset = 0; offset < 65 * 16; offset += 4) bar.read32(table + offset);
    expect(armed.count).toBe(2);
    expect(bar.read32(0x08)).toBe(0x0001_0400);
  });

  test('can be read to its last byte and no further', () => {
    expect(bar.read32(bar.byteLength - 4)).toBeGreaterThanOrEqual(0);
    expect(() => bar.read32(bar.byteLength)).toThrow(expect.objectContaining(range));
  });

  test('shows writes of 32 and 64 bits to both halves of a register', () => {
    // Admin Submission Queue Base Address, which is page aligned.
    bar.write64(0x28, 0x1234_5678_9abc_d000n);
    expect([bar.read32(0x28), bar.read32(0x2c)]).toEqual([0x9abc_d000, 0x1234_5678]);
    bar.write32(0x28, 0x1111_1000);
    bar.write32(0x2c, 0x2222_2222);
    expect(bar.read64(0x28)).toBe(0x2222_2222_1111_1000n);
  });
});
