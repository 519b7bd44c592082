// SPDX-License-Identifier: MIT
// DMA buffers: the IOVAs that they get, the requests that are refused, and mappings that fail and leave nothing.
// test/memory/dma-memory.test.ts tests their contents.
import { constants } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Container, type Device, type DmaBuffer, openDevice } from '../../lib/index.js';
import { syscalls, useMachine } from '../../tools/testing-addon.js';
import { badIntegers, expectNothingOpen, notNumbers, withCode } from './support.js';

const address = '0000:0a:00.0';
const mate = '0000:0a:01.0';
const narrow = '0000:0a:02.0';
const tight = '0000:0a:03.0';
const page = 4096;
const MiB = 2 ** 20;
/** The IOVAs that are reserved for MSI writes. */
const msi = { first: 0xfee00000n, last: 0xfeefffffn };
/** The first IOVA beyond the 39 bits that the IOMMU has. */
const end = 1n << 39n;

const machine = useMachine(
  { address, group: 100 },
  { address: mate, group: 101 },
  { address: narrow, group: 102, reserved: [[0x2000_0000n, 0x2fff_ffffn]] },
  { address: tight, group: 103, reserved: [[0x20000n, end - 1n]] },
);
const { ENOMEM, ENOSPC, EIO } = constants.errno;

let container: Container;
let device: Device;

beforeEach(async () => {
  container = await Container.open();
  device = await container.openDevice(address);
});
afterEach(() => container.close());
afterAll(() => expectNothingOpen(machine, address, mate, narrow, tight));

/** The mappings in the IOMMU, as pairs of IOVA and size. */
function mappings(group = 100): [bigint, number][] {
  return machine.mappings(group).map(({ iova, size }) => [iova, size]);
}

describe('a container', () => {
  test('says where its devices can be given memory', () => {
    expect(container.info).toEqual({
      attached: true,
      iovaRanges: [
        { first: 0n, last: msi.first - 1n },
        { first: msi.last + 1n, last: end - 1n },
      ],
      pageSizes: [4096, 2 * MiB, 1024 * MiB],
      mappingsAvailable: 65535,
    });
    container.allocDma(page);
    expect(container.info.mappingsAvailable).toBe(65534);
  });
});

describe('a buffer', () => {
  test('is mapped for exactly as long as it is open', () => {
    const buffer = container.allocDma(3 * page);
    expect(mappings()).toEqual([[buffer.iova, 3 * page]]);
    expect(buffer.byteLength).toBe(3 * page);
    buffer.close();
    expect(mappings()).toEqual([]);
    expect(buffer.closed).toBe(true);
  });

  test('closes twice, by `using`, and with its container', async () => {
    const kept = device.allocDma(page);
    {
      using buffer = container.allocDma(page);
      expect(mappings().map(([iova]) => iova)).toContain(buffer.iova);
    }
    expect(mappings()).toEqual([[kept.iova, page]]);
    await container.close();
    expect(kept.closed).toBe(true);
    kept.close();
  });

  test('stays when the device it was made through closes and its container does not', async () => {
    const buffer = device.allocDma(page);
    await using _ = await container.openDevice(mate);
    await device.close();
    expect(buffer.closed).toBe(false);
    expect(mappings(101)).toEqual([[buffer.iova, page]]);
  });

  test.each([
    ['both', 0],
    ['toDevice', 1],
    ['fromDevice', 2],
  ] as const)('is mapped in its direction: %s', (direction, kernel) => {
    container.allocDma(page, { direction });
    expect(machine.mappings(100)[0]?.direction).toBe(kernel);
  });

  test.each([
    ['nothing', 0, 'ERR_VFIO_RANGE'],
    ['half a page', page / 2, 'ERR_VFIO_ALIGN'],
    ['a page and a byte', page + 1, 'ERR_VFIO_ALIGN'],
    ['more than there is', 2 ** 52, 'ERR_VFIO_RANGE'],
    ...badIntegers.map((wrong) => [`${wrong} bytes`, wrong, 'ERR_VFIO_RANGE'] as const),
    ...notNumbers.map(([what, wrong]) => [what, wrong, 'ERR_INVALID_ARG_TYPE'] as const),
  ])('cannot have the size of %s', (_, bytes, code) => {
    expect(() => container.allocDma(bytes as never)).toThrow(withCode(code));
    expect(mappings()).toEqual([]);
  });

  test('tells the size that would do', () => {
    expect(() => container.allocDma(5000)).toThrow('ask for 8192');
  });

  test.each([
    ['a direction that is none', { direction: 'up' }, 'ERR_INVALID_ARG_VALUE'],
    ['a direction as a number', { direction: 0 }, 'ERR_INVALID_ARG_TYPE'],
    ['an IOVA as a number', { iova: 0x10000 }, 'ERR_INVALID_ARG_TYPE'],
    ['a negative IOVA', { iova: -4096n }, 'ERR_VFIO_RANGE'],
    ['an IOVA of 65 bits', { iova: 1n << 64n }, 'ERR_VFIO_RANGE'],
    ['an option that does not exist', { iovo: 0n }, 'ERR_INVALID_ARG_VALUE'],
    ['null', null, 'ERR_INVALID_ARG_TYPE'],
  ])('cannot be asked for with %s', (_, options, code) => {
    expect(() => container.allocDma(page, options as never)).toThrow(withCode(code));
    expect(mappings()).toEqual([]);
  });
});

describe('F20/ a buffer that is mapped on another thread', () => {
  test('is as any other', async () => {
    const buffer = await device.allocDmaAsync(2 * page, { direction: 'toDevice', iova: 0x4_0000n });
    expect(mappings()).toEqual([[0x4_0000n, 2 * page]]);
    buffer.u8[0] = 1;
    buffer.close();
    expect(mappings()).toEqual([]);
  });

  test('leaves the loop free meanwhile', async () => {
    machine.mapping.hold();
    const allocating = container.allocDmaAsync(page);
    machine.mapping.awaitArrival();
    await setTimeout(1);
    machine.mapping.release();
    expect((await allocating).closed).toBe(false);
  });

  test.each<[string, number, object, string]>([
    ['of no pages', 0, {}, 'ERR_VFIO_RANGE'],
    ['of half a page', 2048, {}, 'ERR_VFIO_ALIGN'],
    ['at a taken IOVA', page, { iova: 0x4_0000n }, 'ERR_VFIO_RANGE'],
  ])('is refused %s', async (_, bytes, options, code) => {
    container.allocDma(page, { iova: 0x4_0000n });
    await expect(container.allocDmaAsync(bytes, options)).rejects.toEqual(withCode(code));
    expect(mappings()).toHaveLength(1);
  });

  test('that the kernel refuses leaves nothing', async () => {
    machine.mapping.failNext(ENOMEM);
    const hint = expect.any(String);
    await expect(container.allocDmaAsync(page)).rejects.toEqual(withCode('ENOMEM', { hint }));
    expect(mappings()).toEqual([]);
    await container.allocDmaAsync(page);
  });

  test('is refused when its container closes meanwhile, which waits for it', async () => {
    machine.mapping.hold();
    const refused = expect(container.allocDmaAsync(page)).rejects.toEqual(
      withCode('ERR_VFIO_CLOSED'),
    );
    machine.mapping.awaitArrival();
    const closing = container.close();
    machine.mapping.release();
    await refused;
    await closing;
    expectNothingOpen(machine, address);
  });

  test('is refused although the device of its closing container has not closed yet', async () => {
    const { closing: device } = machine.device(address);
    device.hold();
    machine.mapping.hold();
    try {
      const allocating = container.allocDmaAsync(page);
      machine.mapping.awaitArrival();
      container.close();
      machine.mapping.release();
      await expect(allocating).rejects.toEqual(withCode('ERR_VFIO_CLOSED'));
    } finally {
      device.release();
    }
    await container.close();
  });

  /** Closes the device while the kernel maps the memory. Fails unless the allocation is refused. */
  async function closeDuringMapping(
    allocate: () => Promise<DmaBuffer>,
    from: Device,
  ): Promise<void> {
    machine.mapping.hold();
    const refused = expect(allocate()).rejects.toEqual(withCode('ERR_VFIO_CLOSED'));
    machine.mapping.awaitArrival();
    const closing = from.close();
    machine.mapping.release();
    await refused;
    await closing;
  }

  test('is refused when its device closes meanwhile, in a container that stays open', async () => {
    await using other = await container.openDevice(mate);
    await closeDuringMapping(() => device.allocDmaAsync(page), device);
    expect(mappings(101)).toEqual([]);
    expect((await other.allocDmaAsync(page)).closed).toBe(false);
  });

  test('of the container is not refused when one of its devices closes', async () => {
    await using _mate = await container.openDevice(mate);
    machine.mapping.hold();
    const allocating = container.allocDmaAsync(page);
    machine.mapping.awaitArrival();
    const closing = device.close();
    machine.mapping.release();
    expect((await allocating).closed).toBe(false);
    await closing;
  });

  test.each<[string, (own: Device) => Promise<DmaBuffer>]>([
    ['its own device', (own) => own.allocDmaAsync(page)],
    ['the device whose own container it is of', (own) => own.container.allocDmaAsync(page)],
  ])('is refused when %s closes meanwhile', async (_, allocate) => {
    await container.close();
    const own = await openDevice(address);
    await closeDuringMapping(() => allocate(own), own);
    expectNothingOpen(machine, address);
  });

  test('is refused in the container of a device that is closing', async () => {
    await container.close();
    const own = await openDevice(address);
    const closing = own.close();
    expect(own.container.closed).toBe(true);
    const closed = withCode('ERR_VFIO_CLOSED');
    expect(() => own.container.allocDma(page)).toThrow(closed);
    await expect(own.container.allocDmaAsync(page)).rejects.toEqual(closed);
    await expect(own.container.openDevice(address)).rejects.toEqual(closed);
    await closing;
    expectNothingOpen(machine, address);
  });
});

describe('F14/ a fixed IOVA', () => {
  const alloc = (iova: bigint, bytes = page) => container.allocDma(bytes, { iova });

  test('is taken as it is', () => {
    for (const iova of [0n, 0x1000n, msi.first - 4096n, msi.last + 1n, end - 4096n]) {
      expect(alloc(iova).iova).toBe(iova);
    }
    expect(mappings().map(([iova]) => iova)).toContain(0n);
  });

  test.each([
    ['at the MSI window', msi.first, page],
    ['into the MSI window', msi.first - 4096n, 2 * page],
    ['out of the MSI window', msi.last - 4095n, 2 * page],
    ['around the MSI window', msi.first - 4096n, 4 * MiB],
    ['behind the last address', end, page],
    ['across the last address', end - 4096n, 2 * page],
    ['at the end of 64 bits', 2n ** 64n - 4096n, page],
    ['around 64 bits', 2n ** 64n - 4096n, 2 * page],
  ])('cannot lie %s', (_, iova, bytes) => {
    expect(() => alloc(iova, bytes)).toThrow(withCode('ERR_VFIO_RANGE'));
    expect(mappings()).toEqual([]);
  });

  test('cannot overlap another buffer by a page on either side, or within', () => {
    alloc(0x100000n, 4 * page);
    const before = mappings();
    for (const [iova, bytes] of [
      [0x100000n, 4 * page],
      [0xff000n, 2 * page],
      [0x103000n, page],
      [0x101000n, 2 * page],
      [0xf0000n, 64 * page],
    ] as const) {
      expect(() => alloc(iova, bytes)).toThrow(withCode('ERR_VFIO_RANGE'));
    }
    expect(mappings()).toEqual(before);
    alloc(0xff000n);
    alloc(0x104000n);
  });
});

describe('F14/ the allocator', () => {
  test('keeps off low addresses, the MSI window and every other buffer', () => {
    const buffers = Array.from({ length: 64 }, (_, i) => container.allocDma((1 + (i % 7)) * page));
    const taken = buffers.map(({ iova, byteLength }) => [iova, iova + BigInt(byteLength)] as const);
    taken.sort(([a], [b]) => (a < b ? -1 : 1));
    let free = 0x10000n;
    for (const [first, last] of taken) {
      expect(first).toBeGreaterThanOrEqual(free);
      free = last;
    }
    expect(free).toBeLessThan(msi.first);
  });

  test('aligns a buffer to the largest page that it fills', () => {
    container.allocDma(page);
    expect(container.allocDma(2 * MiB).iova % BigInt(2 * MiB)).toBe(0n);
    expect(container.allocDma(6 * MiB).iova % BigInt(2 * MiB)).toBe(0n);
    expect(container.allocDma(64 * page).iova % BigInt(page)).toBe(0n);
  });

  test('goes around the MSI window', () => {
    const before = container.allocDma(page, { iova: msi.first - 4096n });
    container.allocDma(Number(msi.first) - 0x10000 - page, { iova: 0x10000n }).close();
    const low = container.allocDma(512 * MiB, { iova: 0xc000_0000n });
    const next = container.allocDma(1024 * MiB);
    for (const { iova, byteLength } of [before, low, next]) {
      const last = iova + BigInt(byteLength) - 1n;
      expect(last < msi.first || iova > msi.last).toBe(true);
    }
  });

  test('lets a freed address rest', () => {
    const freed = new Set<bigint>();
    for (let i = 0; i < 1000; i++) {
      const buffer = container.allocDma(page);
      expect(freed).not.toContain(buffer.iova);
      freed.add(buffer.iova);
      buffer.close();
    }
  });

  test('comes round to what is free when the rest is taken', async () => {
    await using room = await Container.open();
    await room.openDevice(tight);
    const [first, ...others] = Array.from({ length: 16 }, () => room.allocDma(page));
    expect(() => room.allocDma(page)).toThrow(withCode('ERR_VFIO_RANGE'));
    first?.close();
    expect(room.allocDma(page).iova).toBe(first?.iova);
    for (const { iova } of others) expect(iova).not.toBe(first?.iova);
    expect(() => room.allocDma(page)).toThrow(withCode('ERR_VFIO_RANGE'));
  });
});

describe('F14/ a mapping that the kernel refuses', () => {
  test.each([
    ['ENOMEM', ENOMEM, /memory/],
    ['ENOSPC', ENOSPC, /fewer, larger buffers/],
  ])('with %s says what to do, and leaves nothing', (code, errno, hint) => {
    const iova = 0x40_0000n;
    machine.mapping.failNext(errno);
    expect(() => container.allocDma(page, { iova })).toThrow(
      withCode(code, { request: 'VFIO_IOMMU_MAP_DMA', hint: expect.stringMatching(hint) }),
    );
    expect(mappings()).toEqual([]);
    expect(container.allocDma(page, { iova }).iova).toBe(iova);
  });

  test('for want of memory never reaches the IOMMU', () => {
    syscalls().fail(1, ENOMEM, 'mmap');
    expect(() => container.allocDma(page)).toThrow(withCode('ENOMEM', { syscall: 'mmap' }));
    expect(mappings()).toEqual([]);
  });
});

describe('F14/ an unmapping that the kernel refuses', () => {
  const iova = 0x40_0000n;

  beforeEach(() => {
    const buffer = container.allocDma(page, { iova });
    machine.unmapping.failNext(EIO);
    expect(() => buffer.close()).toThrow(withCode('EIO', { request: 'VFIO_IOMMU_UNMAP_DMA' }));
    expect(buffer.closed).toBe(true);
    buffer.close();
  });

  test('keeps its address out of use', () => {
    expect(mappings()).toEqual([[iova, page]]);
    expect(() => container.allocDma(page, { iova })).toThrow(withCode('ERR_VFIO_RANGE'));
    container.allocDma(page).close();
  });

  test('is over with the last device, and is not made again for the next', async () => {
    await device.close();
    device = await container.openDevice(address);
    expect(mappings()).toEqual([]);
    expect(container.allocDma(page, { iova }).iova).toBe(iova);
  });

  test('does not keep the container from closing', async () => {
    await container.close();
    expectNothingOpen(machine, address);
  });
});

describe('mappings outlive devices', () => {
  let buffers: DmaBuffer[];

  beforeEach(() => {
    buffers = [1, 2, 3].map((pages) => container.allocDma(pages * page));
  });

  const expected = () => buffers.map(({ iova, byteLength }) => [iova, byteLength]);

  test('and are made again at the same addresses for the next', async () => {
    buffers[1]?.u8.fill(0x5a);
    await device.close();
    expect(mappings()).toEqual([]);
    const next = await container.openDevice(mate);
    expect(mappings(101)).toEqual(expected());
    next.busMaster = true;
    const { iova } = buffers[1] as DmaBuffer;
    expect(machine.device(mate).dmaRead(iova, 4)).toEqual(Buffer.alloc(4, 0x5a));
  });

  test('unless they were closed meanwhile', async () => {
    await device.close();
    buffers[1]?.close();
    await container.openDevice(address);
    buffers.splice(1, 1);
    expect(mappings()).toEqual(expected());
  });

  test('and are seen by a device that comes while another is there', async () => {
    const next = await container.openDevice(mate);
    next.busMaster = true;
    expect(machine.device(mate).dmaRead(buffers[0]?.iova ?? 0n, 4)).toEqual(Buffer.alloc(4));
    await device.close();
    expect(mappings(101)).toEqual(expected());
  });

  test('and a device that they leave no room for is refused, while another is there', async () => {
    container.allocDma(page, { iova: 0x2000_0000n });
    const before = [mappings(), container.info];
    await expect(container.openDevice(narrow)).rejects.toEqual(withCode('EINVAL'));
    expect([mappings(), container.info]).toEqual(before);
    expect(machine.device(narrow).counts().functions).toBe(0);
    expect(machine.counts().groups).toBe(1);
    device.busMaster = true;
    expect(machine.device(address).dmaRead(0x2000_0000n, 4)).toEqual(Buffer.alloc(4));
  });

  test('and a device that they leave no room for is refused, as the first', async () => {
    const inTheWay = container.allocDma(page, { iova: 0x2000_0000n });
    await device.close();
    await expect(container.openDevice(narrow)).rejects.toEqual(withCode('ERR_VFIO_RANGE'));
    expect(container.info.attached).toBe(false);
    expect(machine.counts().groups).toBe(0);
    inTheWay.close();
    const fitting = await container.openDevice(narrow);
    expect(container.info.iovaRanges[0]).toEqual({ first: 0n, last: 0x1fff_ffffn });
    expect(() => container.allocDma(page, { iova: 0x2000_0000n })).toThrow(
      withCode('ERR_VFIO_RANGE'),
    );
    await fitting.close();
  });

  test('and a device for which they cannot be made again is refused', async () => {
    await device.close();
    machine.mapping.failNext(ENOMEM);
    await expect(container.openDevice(address)).rejects.toEqual(withCode('ENOMEM'));
    expect(machine.counts().groups).toBe(0);
    expect(machine.device(address).counts().functions).toBe(0);
    device = await container.openDevice(address);
    expect(mappings()).toEqual(expected());
  });
});
