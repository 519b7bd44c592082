// SPDX-License-Identifier: MIT
// A device can reach every buffer that it gets. A device with fewer address bits than the IOMMU cuts off the upper bits
// of an address, and would then read or write other memory of the program. Also alignment and boundaries.
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Container, type Device, type DmaBuffer, openDevice } from '../../lib/index.js';
import { useMachine } from '../../tools/testing-addon.js';
import { expectNothingOpen, withCode } from './support.js';

const wide = '0000:3c:00.0';
const narrow = '0000:3c:01.0';
const narrower = '0000:3c:02.0';
const page = 4096;
const MiB = 2 ** 20;
const GiB = 2 ** 30;

const machine = useMachine(
  { address: wide, group: 600, msix: 1 },
  { address: narrow, group: 601 },
  { address: narrower, group: 602 },
);

let container: Container;
let device: Device;

beforeEach(async () => {
  container = await Container.open();
  device = await container.openDevice(wide);
});
afterEach(() => container.close());
afterAll(() => expectNothingOpen(machine, wide, narrow, narrower));

const endOf = ({ iova, byteLength }: DmaBuffer) => Number(iova) + byteLength;

describe('a buffer of a device', () => {
  test('lies within its reach, however many there were, and never in another', async () => {
    const narrowDevice = await container.openDevice(narrow, { addressBits: 28 });
    const pool = narrowDevice.allocDma(100 * MiB);
    for (let round = 0; round < 1000; round++) {
      using buffer = narrowDevice.allocDma(MiB);
      expect(endOf(buffer)).toBeLessThanOrEqual(2 ** 28);
      expect(endOf(buffer) <= pool.iova || buffer.iova >= endOf(pool)).toBe(true);
    }
  });

  test('lies below 4 GiB while there is room, also of a device that drives all bits', () => {
    expect(device.addressBits).toBe(64);
    const kept = [device.allocDma(2 * GiB - 2 * MiB)];
    for (let round = 0; round < 2000; round++) {
      using buffer = device.allocDma(2 * MiB);
      expect(endOf(buffer)).toBeLessThanOrEqual(4 * GiB);
    }
    kept.push(device.allocDma(2 * GiB));
    expect(kept[1]?.iova).toBeGreaterThanOrEqual(4 * GiB);
  });

  test('cannot be had when what the device reaches is full, and nothing is mapped then', async () => {
    const narrowDevice = await container.openDevice(narrow, { addressBits: 20 });
    narrowDevice.allocDma(MiB - 0x10000);
    const before = machine.mappings(601);
    expect(() => narrowDevice.allocDma(page)).toThrow(withCode('ERR_VFIO_RANGE'));
    expect(() => narrowDevice.allocDma(page)).toThrow('a device with 20 address bits');
    expect(machine.mappings(601)).toEqual(before);
    // The other device can use the rest of the address space.
    expect(device.allocDma(page).iova).toBe(BigInt(MiB));
  });

  test.each([
    ['just within it', 2 ** 28 - page, undefined],
    ['across its end', 2 ** 28 - page, 2 * page],
    ['at its end', 2 ** 28, page],
    ['far beyond', 2 ** 38, page],
  ])('at a fixed IOVA %s', async (_, iova, refused) => {
    const narrowDevice = await container.openDevice(narrow, { addressBits: 28 });
    const alloc = () => narrowDevice.allocDma(refused ?? page, { iova: BigInt(iova) });
    if (refused === undefined) expect(alloc().iova).toBe(BigInt(iova));
    else expect(alloc).toThrow(withCode('ERR_VFIO_RANGE'));
  });

  test('follows what one allocation says instead', async () => {
    const narrowDevice = await container.openDevice(narrow, { addressBits: 28 });
    const high = { iova: BigInt(GiB), addressBits: 40 };
    expect(narrowDevice.allocDma(page, high).iova).toBe(BigInt(GiB));
    expect(() => device.allocDma(page, { iova: 2n ** 24n, addressBits: 24 })).toThrow(
      withCode('ERR_VFIO_RANGE'),
    );
    expect(endOf(await narrowDevice.allocDmaAsync(page, { addressBits: 17 }))).toBeLessThanOrEqual(
      2 ** 17,
    );
  });

  test('is what openDevice alone said', async () => {
    await using alone = await openDevice(narrower, { addressBits: 30 });
    expect(alone.addressBits).toBe(30);
    expect(() => alone.allocDma(page, { iova: 2n ** 30n })).toThrow(withCode('ERR_VFIO_RANGE'));
    // The container has no device with more address bits.
    expect(() => alone.container.allocDma(page, { iova: 2n ** 30n })).toThrow(
      withCode('ERR_VFIO_RANGE'),
    );
  });

  test.each([16, 65, 28.5, Number.NaN, '28', 28n])('cannot reach %p bits', async (addressBits) => {
    const opening = container.openDevice(narrow, { addressBits: addressBits as never });
    const code = typeof addressBits === 'number' ? 'ERR_VFIO_RANGE' : 'ERR_INVALID_ARG_TYPE';
    await expect(opening).rejects.toEqual(withCode(code));
  });
});

describe('a buffer of a container', () => {
  const refuses = (iova: bigint) =>
    expect(() => container.allocDma(page, { iova })).toThrow(withCode('ERR_VFIO_RANGE'));
  const takes = (iova: bigint) => container.allocDma(page, { iova }).close();

  test('lies within the reach of the narrowest device that is open at that moment', async () => {
    takes(2n ** 32n);
    const one = await container.openDevice(narrow, { addressBits: 28 });
    refuses(2n ** 28n);
    const other = await container.openDevice(narrower, { addressBits: 20 });
    refuses(2n ** 20n);
    await other.close();
    takes(2n ** 20n);
    refuses(2n ** 28n);
    await one.close();
    takes(2n ** 32n);
  });

  test('stays where it is when a narrower device joins', async () => {
    const buffer = container.allocDma(page, { iova: 2n ** 32n });
    await container.openDevice(narrow, { addressBits: 28 });
    expect(machine.mappings(601).map(({ iova }) => iova)).toEqual([buffer.iova]);
  });

  test('is not held to the reach of a device that could not be opened', async () => {
    machine.device(narrow).opening.failNext(5);
    await expect(container.openDevice(narrow, { addressBits: 20 })).rejects.toMatchObject({
      code: 'EIO',
    });
    takes(2n ** 20n);
  });
});

describe('alignment and boundary', () => {
  test('are kept', () => {
    for (const alignment of [1, page, MiB, 64 * MiB]) {
      const { iova } = device.allocDma(page, { alignment });
      expect(iova % BigInt(Math.max(alignment, page))).toBe(0n);
    }
    for (let i = 0; i < 100; i++) {
      const { iova, byteLength } = device.allocDma((1 + (i % 16)) * page, { boundary: 0x10000 });
      expect(iova >> 16n).toBe((iova + BigInt(byteLength) - 1n) >> 16n);
    }
  });

  test('hold for a fixed IOVA too', () => {
    const at = (iova: bigint, options: object) => () =>
      device.allocDma(2 * page, { iova, ...options });
    expect(at(0x11000n, { alignment: 0x2000 })).toThrow(withCode('ERR_VFIO_ALIGN'));
    expect(at(0x1f000n, { boundary: 0x10000 })).toThrow(withCode('ERR_VFIO_RANGE'));
    expect(at(0x1e000n, { boundary: 0x10000, alignment: 0x2000 })().iova).toBe(0x1e000n);
  });

  test('that no buffer of this size can keep are refused', () => {
    expect(() => device.allocDma(2 * page, { boundary: page })).toThrow(withCode('ERR_VFIO_RANGE'));
    expect(machine.mappings(600)).toEqual([]);
  });
});
