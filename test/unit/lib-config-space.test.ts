// SPDX-License-Identifier: MIT
import { beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ConfigSpace } from '../../lib/config-space.js';
import { DirectMemory } from '../../lib/internal/direct-memory.js';
import { ours } from '../../lib/internal/ours.js';
import { regionInfo } from '../../lib/region-info.js';
import { FakeDevice, FakeNative, thrownBy } from './lib-fake-native.js';

let header: DataView;
let config: ConfigSpace;

function open(size: number): ConfigSpace {
  const native = new FakeNative();
  const device = new FakeDevice('0000:01:00.0', native.log);
  native.container.devices.push(device);
  header = new DataView(device.config.buffer);
  const info = regionInfo({ index: 7, flags: 3, size, mappable: [] } as never);
  const direct = new DirectMemory(undefined);
  return new ConfigSpace(ours, native, 7, info, device.address, direct);
}

beforeEach(() => {
  config = open(4096);
});

/** Writes a list of capabilities that begins at the first offset. */
function chain(...links: [offset: number, id: number][]): void {
  header.setUint16(0x06, 0x10, true);
  header.setUint8(0x34, links[0]?.[0] ?? 0);
  for (const [index, [offset, id]] of links.entries()) {
    header.setUint16(offset, id | ((links[index + 1]?.[0] ?? 0) << 8), true);
  }
}

/** Writes a list of extended capabilities. */
function extendedChain(...links: [offset: number, id: number, version: number][]): void {
  for (const [index, [offset, id, version]] of links.entries()) {
    const next = links[index + 1]?.[0] ?? 0;
    header.setUint32(offset, (id | (version << 16) | (next << 20)) >>> 0, true);
  }
}

test('has the registers of every function', () => {
  header.setUint16(0x04, 0x0402, true);
  header.setUint16(0x2c, 0x1af4, true);
  header.setUint16(0x2e, 0x1100, true);
  expect(config).toMatchObject({
    vendorId: 0x1b36,
    deviceId: 0x0010,
    command: 0x0402,
    revision: 0x02,
    classCode: 0x010802,
    subsystemVendorId: 0x1af4,
    subsystemId: 0x1100,
  });
  config.command = 0x0006;
  expect(header.getUint16(0x04, true)).toBe(0x0006);
});

describe('the standard capabilities', () => {
  test('come in the order of their list', () => {
    chain([0x80, 0x01], [0x40, 0x05], [0xf0, 0x11]);
    expect(config.capabilities()).toMatchObject([
      { name: 'powerManagement', id: 0x01, offset: 0x80, version: 0 },
      { name: 'msi', id: 0x05, offset: 0x40, version: 0 },
      { name: 'msix', id: 0x11, offset: 0xf0, version: 0 },
    ]);
    expect(config.find(0x05)?.offset).toBe(0x40);
    expect(config.find(0x10)).toBeUndefined();
  });

  test('are none without the bit in the status register', () => {
    chain([0x40, 0x01]);
    header.setUint16(0x06, 0, true);
    expect(config.capabilities()).toEqual([]);
  });

  test('may have reserved low bits in their links', () => {
    chain([0x43, 0x01]);
    header.setUint16(0x40, 0x11 | (0x83 << 8), true);
    header.setUint16(0x80, 0x05, true);
    expect(config.capabilities().map(({ offset }) => offset)).toEqual([0x40, 0x80]);
  });

  test('are refused when their list is a ring', () => {
    chain([0x40, 0x01], [0x50, 0x05]);
    header.setUint16(0x50, 0x05 | (0x40 << 8), true);
    expect(thrownBy(() => config.capabilities())).toMatchObject({ code: 'ERR_VFIO_PROTOCOL' });
  });

  test('are found before the point where their list breaks', () => {
    chain([0x40, 0x01], [0x50, 0x05]);
    header.setUint16(0x50, 0x05 | (0x40 << 8), true);
    expect(config.find(0x05)).toBeDefined();
  });

  test('are refused when a link leads into the header', () => {
    chain([0x40, 0x01], [0x10, 0x05]);
    expect(thrownBy(() => config.capabilities())).toMatchObject({ code: 'ERR_VFIO_PROTOCOL' });
  });
});

describe('the extended capabilities', () => {
  test('come in the order of their list, with their version', () => {
    extendedChain([0x100, 0x0001, 2], [0x200, 0x0010, 1]);
    expect(config.extendedCapabilities()).toMatchObject([
      { name: 'aer', id: 0x0001, offset: 0x100, version: 2 },
      { name: 'sriov', id: 0x0010, offset: 0x200, version: 1 },
    ]);
    expect(config.findExtended(0x0010)?.offset).toBe(0x200);
  });

  test.each([0, 0xffff_ffff])('are none where the first header reads 0x%s', (first) => {
    header.setUint32(0x100, first, true);
    expect(config.extendedCapabilities()).toEqual([]);
  });

  test('are none in a config space of 256 bytes', () => {
    expect(open(256).extendedCapabilities()).toEqual([]);
  });

  test('are refused when their list is a ring', () => {
    extendedChain([0x100, 0x0001, 1], [0x140, 0x0003, 1]);
    header.setUint32(0x140, 0x0003 | (1 << 16) | (0x140 << 20), true);
    expect(thrownBy(() => config.extendedCapabilities())).toMatchObject({
      code: 'ERR_VFIO_PROTOCOL',
    });
  });

  test('are refused when a link leads below 0x100', () => {
    extendedChain([0x100, 0x0001, 1], [0x0fc, 0x0003, 1]);
    expect(thrownBy(() => config.extendedCapabilities())).toMatchObject({
      code: 'ERR_VFIO_PROTOCOL',
    });
  });
});

test('walking any bytes ends', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4096, maxLength: 4096 }), (bytes) => {
      new Uint8Array(header.buffer).set(bytes);
      for (const walk of [() => config.capabilities(), () => config.extendedCapabilities()]) {
        try {
          expect(walk().length).toBeLessThanOrEqual(960);
        } catch (failure) {
          expect(failure).toMatchObject({ code: 'ERR_VFIO_PROTOCOL' });
        }
      }
    }),
  );
});

test.each([-1, 0x100, 1.5, '5', undefined])('finds no capability %s', (id) => {
  expect(thrownBy(() => config.find(id as number)).code).toMatch(
    /ERR_(VFIO_RANGE|INVALID_ARG_TYPE)/,
  );
});
