// SPDX-License-Identifier: MIT
// DMA memory: its sizes and addresses, what is refused, what closing does, and what a device reads and writes.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Container, Device, DmaBuffer } from '../../lib/index.js';
import { describeContract } from '../support/back-ends.js';
import { Edu } from '../support/edu.js';
import { LAG_LIMIT_MS, measureLag } from '../support/lag.js';

const KiB = 2 ** 10;
const MiB = 2 ** 20;
const range = { code: 'ERR_VFIO_RANGE' };
const align = { code: 'ERR_VFIO_ALIGN' };

describeContract({ device: 'edu' }, 'DMA memory', (subject) => {
  const { msiWindow, last: lastIova } = subject.iovas;
  const held = subject.useDevice(subject.devices.edu);
  let device: Device;
  let container: Container;
  let before: Container['info'];

  beforeEach(() => {
    ({ device } = held);
    ({ container } = device);
    before = container.info;
  });

  /** Whether the whole buffer is zero. */
  function isZero({ u32 }: DmaBuffer): boolean {
    return u32.every((word) => word === 0);
  }

  describe.each([4 * KiB, 64 * KiB, 2 * MiB, 2 * MiB + 4 * KiB, 64 * MiB])(
    'of %i bytes',
    (size) => {
      test('is mapped, zeroed, usable to its end, and given back', () => {
        const buffer = device.allocDma(size);
        expect(buffer.byteLength).toBe(size);
        expect(buffer.buffer.byteLength).toBe(size);
        expect(buffer.u8[0]).toBe(0);
        expect(size > MiB || isZero(buffer)).toBe(true);
        buffer.u8[size - 1] = 0xa5;
        expect(buffer.u8[size - 1]).toBe(0xa5);
        expect(buffer.address(size - 1)).toBe(Number(buffer.iova) + size - 1);
        buffer.close();
        expect(container.info).toEqual(before);
      });

      test('has an IOVA that is aligned, and clear of zero and of the MSI window', () => {
        using buffer = device.allocDma(size);
        const page = BigInt(size >= 2 * MiB ? 2 * MiB : 4 * KiB);
        expect(buffer.iova % page).toBe(0n);
        expect(buffer.iova).toBeGreaterThanOrEqual(0x1_0000n);
        const last = buffer.iova + BigInt(size) - 1n;
        expect(last < msiWindow.first || buffer.iova > msiWindow.last).toBe(true);
      });
    },
  );

  describe('at an IOVA that is asked for', () => {
    test.each([
      ['a low one', 0x1_0000n],
      ['one below the MSI window', msiWindow.first - 4096n],
      ['one behind the MSI window', msiWindow.last + 1n],
      ['one at 4 GiB', 0x1_0000_0000n],
      ['one with bits set in both halves', 0x12_3456_7000n],
      ['the last page there is', lastIova - 4095n],
    ])('is mapped there: %s', (_which, iova) => {
      using buffer = device.allocDma(4096, { iova });
      expect(buffer.iova).toBe(iova);
      expect(buffer.address(8)).toBe(Number(iova) + 8);
      expect([buffer.low(8), buffer.high(8)]).toEqual([
        Number((iova + 8n) & 0xffff_ffffn),
        Number(iova >> 32n),
      ]);
    });

    test.each<[string, number, bigint, object]>([
      ['in the MSI window', 4096, msiWindow.first, range],
      ['at the end of the MSI window', 4096, msiWindow.last - 4095n, range],
      ['across the start of the MSI window', 8192, msiWindow.first - 4096n, range],
      ['around the MSI window', 4 * MiB, msiWindow.first - BigInt(2 * MiB), range],
      ['past what the IOMMU translates', 4096, lastIova + 1n, range],
      ['across the end of what it translates', 8192, lastIova - 4095n, range],
      ['far past it', 4096, 2n ** 52n, range],
      ['at the end of 64 bits', 4096, 2n ** 64n - 4096n, range],
      ['across the end of 64 bits', 8192, 2n ** 64n - 4096n, range],
      ['of more than 64 bits', 4096, 2n ** 64n, range],
      ['that is negative', 4096, -4096n, range],
      ['that is not a multiple of the page size', 4096, 0x1_0800n, align],
      ['that is odd', 4096, 0x1_0001n, align],
    ])('is refused %s, and nothing changes', (_where, size, iova, error) => {
      expect(() => device.allocDma(size, { iova })).toThrow(expect.objectContaining(error));
      expect(container.info).toEqual(before);
    });

    test('that is a number is refused', () => {
      expect(() => device.allocDma(4096, { iova: 0x10000 as never })).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
      );
    });

    describe('of another buffer', () => {
      const first = 0x4000_0000n;
      let buffer: DmaBuffer;
      beforeAll(() => {
        buffer = held.device.allocDma(4 * 4096, { iova: first });
      });
      afterAll(() => buffer.close());

      test.each([
        ['the same', 0n, 4],
        ['its first page', 0n, 1],
        ['its last page', 3n, 1],
        ['a part of it', 1n, 2],
        ['across its start', -1n, 2],
        ['across its end', 3n, 2],
        ['all around it', -1n, 6],
      ])('is refused: %s', (_where, page, pages) => {
        const iova = first + page * 4096n;
        expect(() => device.allocDma(pages * 4096, { iova })).toThrow(
          expect.objectContaining({ message: expect.stringMatching(/mapped|mapping/) }),
        );
        expect(container.info).toEqual(before);
      });

      test('is given beside it', () => {
        using before = device.allocDma(4096, { iova: first - 4096n });
        using after = device.allocDma(4096, { iova: first + 4n * 4096n });
        expect([before.iova, after.iova]).toEqual([first - 4096n, first + 4n * 4096n]);
      });
    });

    test('can be had again at once when it was closed', () => {
      for (let round = 0; round < 3; round++) {
        using buffer = device.allocDma(4096, { iova: 0x5000_0000n });
        expect(isZero(buffer)).toBe(true);
        buffer.u8.fill(0xff);
      }
    });

    test('is never given to others', () => {
      using fixed = device.allocDma(4096, { iova: 0x2_0000n });
      const others = Array.from({ length: 64 }, () => device.allocDma(4096));
      expect(others.map(({ iova }) => iova)).not.toContain(fixed.iova);
      for (const other of others) other.close();
    });
  });

  test.each<[string, unknown, object]>([
    ['empty', 0, range],
    ['of a negative size', -4096, range],
    ['of a fraction', 4096.5, range],
    ['of NaN bytes', Number.NaN, range],
    ['of more than 2^53 bytes', 2 ** 53, range],
    ['of a page and a half', 6144, align],
    ['of one byte', 1, align],
    ['of a string', '4096', { code: 'ERR_INVALID_ARG_TYPE' }],
    ['of a bigint', 4096n, { code: 'ERR_INVALID_ARG_TYPE' }],
  ])('is refused %s', (_what, size, error) => {
    expect(() => device.allocDma(size as number)).toThrow(expect.objectContaining(error));
    expect(container.info).toEqual(before);
  });

  test('of more than the machine has is refused, and nothing is left of it', () => {
    expect(() => device.allocDma(2 ** 45)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^(ENOMEM|ERR_VFIO_RANGE)$/) }),
    );
    expect(container.info).toEqual(before);
  });

  test('is not given the IOVA of a buffer that was just closed', () => {
    const given = new Set<bigint>();
    for (let round = 0; round < 200; round++) {
      using buffer = device.allocDma(4096);
      expect(given.has(buffer.iova)).toBe(false);
      given.add(buffer.iova);
    }
  });

  describe('that was closed', () => {
    test('reads zeros through arrays that were taken before, and lets them be written', () => {
      const buffer = device.allocDma(8192);
      const { u8, u32 } = buffer;
      u8.fill(0xee);
      buffer.close();
      expect(u8.length).toBe(8192);
      expect(u32.every((word) => word === 0)).toBe(true);
      u8.fill(0x11);
      expect(u8[8191]).toBe(0x11);
    });

    test('throws from its members', () => {
      const buffer = device.allocDma(4096);
      buffer.close();
      expect(buffer.closed).toBe(true);
      for (const use of [
        () => buffer.u8,
        () => buffer.u32,
        () => buffer.buffer,
        () => buffer.address(),
        () => buffer.low(),
        () => buffer.high(),
        () => buffer.copyFrom(new Uint8Array(1)),
        () => buffer.copyTo(new Uint8Array(1)),
      ]) {
        expect(use).toThrow(expect.objectContaining({ code: 'ERR_VFIO_CLOSED' }));
      }
    });

    test('can be closed again', () => {
      const buffer = device.allocDma(4096);
      buffer.close();
      buffer.close();
      expect(container.info).toEqual(before);
    });

    test('while another is mapped changes nothing there', () => {
      using stays = device.allocDma(4096);
      stays.u32.fill(7);
      const goes = Array.from({ length: 20 }, () => device.allocDma(4096));
      for (const buffer of goes) buffer.close();
      expect(stays.u32.every((word) => word === 7)).toBe(true);
    });
  });
});

describeContract({ device: 'edu' }, 'a device', (subject) => {
  const { msiWindow, last: lastIova } = subject.iovas;
  const held = subject.useDevice(subject.devices.edu);
  let device: Device;
  let hardware: Edu;

  beforeEach(() => {
    ({ device } = held);
    hardware = new Edu(device);
    device.busMaster = true;
  });

  describe.each([
    ['at a low IOVA', 0x1_0000n],
    ['below the MSI window', msiWindow.first - 4096n],
    ['at 4 GiB', 0x1_0000_0000n],
    ['at one with bits set in both halves', 0x12_3456_7000n],
    ['at the last IOVA', lastIova - 4095n],
  ])('%s', (_where, iova) => {
    test('reads what we wrote and writes what we read', async () => {
      using buffer = device.allocDma(4096, { iova });
      const sent = randomBytes(1024);
      buffer.copyFrom(sent);
      expect(Buffer.from(await hardware.read(buffer.iova, 1024))).toEqual(sent);
      const received = randomBytes(1024);
      await hardware.write(buffer.iova + 2048n, received);
      expect(Buffer.from(buffer.u8.slice(2048, 3072))).toEqual(received);
      // The device did not touch any other byte.
      expect(Buffer.from(buffer.u8.slice(0, 1024))).toEqual(sent);
      expect(buffer.u8.slice(1024, 2048).every((byte) => byte === 0)).toBe(true);
      expect(buffer.u8.slice(3072).every((byte) => byte === 0)).toBe(true);
    });
  });

  test.each([2 ** 21, 2 ** 26])('reaches the last bytes of a buffer of %i bytes', async (size) => {
    using buffer = device.allocDma(size);
    const sent = randomBytes(64);
    buffer.copyFrom(sent, size - 64);
    const end = buffer.iova + BigInt(size);
    expect(Buffer.from(await hardware.read(end - 64n, 64))).toEqual(sent);
  });

  test('crosses from page to page in one buffer', async () => {
    using buffer = device.allocDma(16384);
    const sent = randomBytes(2048);
    buffer.copyFrom(sent, 3072);
    expect(Buffer.from(await hardware.read(buffer.iova + 3072n, 2048))).toEqual(sent);
  });

  describe('is stopped', () => {
    test('while bus master is off, before it reaches the IOMMU', async () => {
      using buffer = device.allocDma(4096);
      buffer.u8.fill(0x33);
      device.busMaster = false;
      await hardware.store(buffer.iova, 256);
      await hardware.store(0x7_0000_0000n, 256);
      expect(buffer.u8.every((byte) => byte === 0x33)).toBe(true);
    });
  });
});

describeContract({ device: 'edu' }, 'F20/ a large buffer', (subject) => {
  const held = subject.useDevice(subject.devices.edu);

  test('is mapped while the event loop goes on', async () => {
    const { result, lag } = await measureLag(() => held.device.allocDmaAsync(256 * MiB));
    using buffer = result;
    buffer.u32[buffer.byteLength / 4 - 1] = 1;
    expect(lag).toBeLessThan(LAG_LIMIT_MS);
  });
});
