// SPDX-License-Identifier: MIT
// Capabilities by name: the fields of each kind, decoded from the bytes of devices.
import { beforeEach, describe, expect, test } from '@jest/globals';
import { ConfigSpace } from '../../lib/config-space.js';
import { DirectMemory } from '../../lib/internal/direct-memory.js';
import { ours } from '../../lib/internal/ours.js';
import { readPowerState, writePowerState } from '../../lib/internal/power-state.js';
import { regionInfo } from '../../lib/region-info.js';
import { type ConfigRows, e1000e, edu, nvme, rootPort } from '../fixtures/config-spaces.js';
import { FakeDevice, FakeNative, thrownBy } from './lib-fake-native.js';

let device: FakeDevice;
let config: ConfigSpace;

beforeEach(() => {
  const native = new FakeNative();
  device = new FakeDevice('0000:01:00.0', native.log);
  native.container.devices.push(device);
  const info = regionInfo({ index: 7, flags: 3, size: 4096, mappable: [] } as never);
  const direct = new DirectMemory(undefined);
  config = new ConfigSpace(ours, native, 7, info, device.address, direct);
});

function load({ start, rows }: ConfigRows): void {
  device.config[0x06] = 0x10;
  device.config[0x34] = start;
  for (const [offset, row] of rows) {
    device.config.set(Buffer.from(row, 'hex'), offset);
  }
}

/** Puts one extended capability at the start of its list. */
function extended(...dwords: number[]): void {
  const view = new DataView(device.config.buffer);
  for (const [index, dword] of dwords.entries()) view.setUint32(0x100 + 4 * index, dword, true);
}

describe('the capabilities of a device have names and fields:', () => {
  test('edu', () => {
    load(edu);
    expect(config.capabilities()).toEqual([
      {
        name: 'msi',
        id: 0x05,
        offset: 0x40,
        version: 0,
        vectors: 1,
        address64: true,
        perVectorMasking: false,
      },
    ]);
    expect(config.extendedCapabilities()).toEqual([]);
  });

  test('an NVMe controller', () => {
    load(nvme);
    expect(config.capabilities()).toEqual([
      {
        name: 'msix',
        id: 0x11,
        offset: 0x40,
        version: 0,
        vectors: 65,
        enabled: true,
        masked: false,
        table: { bar: 0, offset: 0x2000, byteLength: 65 * 16 },
        pba: { bar: 0, offset: 0x3000, byteLength: 16 },
      },
      {
        name: 'pciExpress',
        id: 0x10,
        offset: 0x80,
        version: 0,
        type: 'endpoint',
        maxPayload: 128,
        maxPayloadSupported: 128,
        maxReadRequest: 128,
        functionLevelReset: true,
        link: { speed: 2.5, width: 1, maxSpeed: 2.5, maxWidth: 1 },
      },
      {
        name: 'powerManagement',
        id: 0x01,
        offset: 0x60,
        version: 0,
        states: ['D0', 'D3hot'],
        state: 'D0',
        noSoftReset: true,
      },
    ]);
    expect(config.extendedCapabilities()).toEqual([
      { name: 'ari', id: 0x000e, offset: 0x100, version: 1 },
      {
        name: 'sriov',
        id: 0x0010,
        offset: 0x120,
        version: 1,
        enabled: false,
        totalVfs: 2,
        initialVfs: 2,
        numVfs: 0,
        firstVfOffset: 1,
        vfStride: 1,
        vfDeviceId: 0x0010,
      },
    ]);
  });

  test('a root port', () => {
    load(rootPort);
    expect(config.capabilities().map(({ name }) => name)).toEqual([
      'pciExpress',
      'msix',
      'bridgeSubsystem',
    ]);
    expect(config.capability('pciExpress')).toMatchObject({
      type: 'rootPort',
      functionLevelReset: false,
      link: { speed: 2.5, width: 1, maxSpeed: 16, maxWidth: 32 },
    });
    expect(config.capability('aer')).toEqual({
      name: 'aer',
      id: 0x0001,
      offset: 0x100,
      version: 2,
      uncorrectable: { status: 0, mask: 0, severity: 0x0046_2030 },
      correctable: { status: 0, mask: 0xc000 },
      headerLog: [0, 0, 0, 0],
    });
  });

  test('an e1000e', () => {
    load(e1000e);
    expect(config.capability('msix')).toMatchObject({
      vectors: 5,
      table: { bar: 3, offset: 0, byteLength: 80 },
      pba: { bar: 3, offset: 0x2000, byteLength: 8 },
    });
    expect(config.capability('powerManagement')?.noSoftReset).toBe(false);
  });
});

describe('a capability by name', () => {
  test('is undefined if the device does not have it', () => {
    load(edu);
    expect(config.capability('msix')).toBeUndefined();
    expect(config.capability('aer')).toBeUndefined();
  });

  test.each(['msi-x', '', 0x11, undefined])('must be a known name, not %p', (name) => {
    expect(thrownBy(() => config.capability(name as never)).code).toMatch(/^ERR_INVALID_ARG_/);
  });

  test('reads each dword once', () => {
    load(nvme);
    const reads: number[] = [];
    const read32 = config.read32.bind(config);
    Object.assign(config, {
      read32: (offset: number) => {
        reads.push(offset);
        return read32(offset);
      },
    });
    config.capability('msix');
    expect(reads).toEqual([0x40, 0x44, 0x48]);
  });

  test('keeps its number if it has no name', () => {
    load({ start: 0x40, rows: [[0x40, '7f000000']] });
    extended(0x0001_7abc);
    expect(config.capabilities()).toEqual([
      { name: undefined, id: 0x7f, offset: 0x40, version: 0 },
    ]);
    expect(config.extendedCapabilities()).toEqual([
      { name: undefined, id: 0x7abc, offset: 0x100, version: 1 },
    ]);
  });
});

describe('of the other kinds,', () => {
  test('power management says which states there are', () => {
    load({ start: 0x40, rows: [[0x40, '0100020603']] });
    expect(config.capability('powerManagement')).toMatchObject({
      states: ['D0', 'D1', 'D2', 'D3hot'],
      state: 'D3hot',
    });
  });

  test('vendor has its bytes, and several can exist', () => {
    load({
      start: 0x40,
      rows: [
        [0x40, '094806aabbcc'],
        [0x48, '090004ee'],
      ],
    });
    const found = config.capabilities().filter((each) => each.name === 'vendor');
    expect(found.map(({ bytes }) => bytes.toString('hex'))).toEqual(['094806aabbcc', '090004ee']);
    expect(config.capability('vendor')?.offset).toBe(0x40);
  });

  test('vendor ends with its part of config space, whatever its length says', () => {
    load({ start: 0xf8, rows: [[0xf8, '0900ff']] });
    expect(config.capability('vendor')?.bytes).toHaveLength(8);
  });

  test('none are found where config space reads as all ones', () => {
    device.config.fill(0xff);
    for (const find of [
      () => config.capabilities(),
      () => config.extendedCapabilities(),
      () => config.capability('aer'),
    ]) {
      const { code, message } = thrownBy(find);
      expect(code).toBe('ERR_VFIO_LOST');
      expect(message).toContain('config space reads as all ones\nThe device is gone');
    }
    device.config.fill(0, 0, 0x40);
    expect(config.extendedCapabilities()).toEqual([]);
  });

  test('the extended ones have the fields of their registers', () => {
    extended(0x0001_0003, 0x89ab_cdef, 0x0123_4567);
    expect(config.capability('serialNumber')?.serialNumber).toBe(0x0123_4567_89ab_cdefn);
    extended(0x0001_000f, 0x8001_0020);
    expect(config.capability('ats')).toMatchObject({
      enabled: true,
      invalidateQueueDepth: 32,
      pageAlignedRequests: true,
      smallestTranslationUnit: 8192,
    });
    extended(0x0001_000b, 0x00c2_1234, 0xdead_beef);
    expect(config.capability('vendorExtended')).toMatchObject({
      vsecId: 0x1234,
      vsecRevision: 2,
      bytes: Buffer.from('0b0001003412c200efbeadde', 'hex'),
    });
    extended(0x0001_0023, 0x00c1_1e98, 0xaaaa_0008);
    expect(config.capability('dvsec')).toMatchObject({
      dvsecVendorId: 0x1e98,
      dvsecId: 8,
      dvsecRevision: 1,
      bytes: Buffer.from('23000100981ec1000800aaaa', 'hex'),
    });
  });

  test('MSI says how many vectors it has, not how many are on', () => {
    load({ start: 0x40, rows: [[0x40, '05002a01']] });
    expect(config.capability('msi')).toMatchObject({
      vectors: 32,
      address64: false,
      perVectorMasking: true,
    });
  });

  test('PCI Express has sizes of its own, and a link of up to 32 lanes at 64 GT/s', () => {
    const header = '100002000200000020500000';
    load({ start: 0x40, rows: [[0x40, `${header}060e0000000006fa`]] });
    expect(config.capability('pciExpress')).toMatchObject({
      maxPayload: 256,
      maxPayloadSupported: 512,
      maxReadRequest: 4096,
      link: { speed: 64, width: 32, maxSpeed: 64, maxWidth: 32 },
    });
    load({ start: 0x40, rows: [[0x40, `${header}0201000000008100`]] });
    expect(config.capability('pciExpress')).toMatchObject({
      link: { speed: 2.5, width: 8, maxSpeed: 5, maxWidth: 16 },
    });
  });

  test('SR-IOV has each number from its own register', () => {
    extended(0x0001_0010, 0, 0x0000_0001, 0x0040_0030, 0x0000_0020, 0x0003_0080, 0x1234_0000);
    expect(config.capability('sriov')).toMatchObject({
      enabled: true,
      totalVfs: 0x40,
      initialVfs: 0x30,
      numVfs: 0x20,
      firstVfOffset: 0x80,
      vfStride: 3,
      vfDeviceId: 0x1234,
    });
  });

  test('AER has each register from its own place', () => {
    extended(0x0002_0001, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
    expect(config.capability('aer')).toMatchObject({
      uncorrectable: { status: 1, mask: 2, severity: 3 },
      correctable: { status: 4, mask: 5 },
      headerLog: [7, 8, 9, 10],
    });
  });

  test('an integrated endpoint has no link, and an unknown type or speed is undefined', () => {
    load({ start: 0x40, rows: [[0x40, '10009200']] });
    expect(config.capability('pciExpress')).toMatchObject({
      type: 'integratedEndpoint',
      link: undefined,
    });
    load({ start: 0x40, rows: [[0x40, '1000f200']] });
    expect(config.capability('pciExpress')).toMatchObject({
      type: undefined,
      link: { speed: undefined, width: 0 },
    });
  });

  test('one that leads beyond its part of config space is refused', () => {
    load({ start: 0xf8, rows: [[0xf8, '11000000']] });
    expect(thrownBy(() => config.capability('msix'))).toMatchObject({
      code: 'ERR_VFIO_PROTOCOL',
      message: expect.stringContaining('0xf8 of 0000:01:00.0 leads beyond 0x100'),
    });
  });
});

describe('the power state', () => {
  const change = (state: string) => writePowerState(config, device.address, state as never);

  test('changes only its own bits', () => {
    load({ start: 0x40, rows: [[0x40, '010002020881']] });
    change('D1');
    expect(readPowerState(config)).toBe('D1');
    // PME_Status is not written back, because a 1 would clear it.
    expect([...device.config.slice(0x44, 0x46)]).toEqual([0x09, 0x01]);
    change('D0');
    expect(readPowerState(config)).toBe('D0');
  });

  test('must be one that the device has', () => {
    load(nvme);
    expect(thrownBy(() => change('D2'))).toMatchObject({
      code: 'ERR_VFIO_UNSUPPORTED',
      message: expect.stringContaining('Its power states are D0, D3hot.'),
    });
    expect(thrownBy(() => change('D3cold'))).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
  });

  test('is D0 without the capability', () => {
    load(edu);
    expect(readPowerState(config)).toBe('D0');
    change('D0');
    expect(thrownBy(() => change('D3hot'))).toMatchObject({ code: 'ERR_VFIO_UNSUPPORTED' });
  });

  test('says so if the device stays where it is', () => {
    load(nvme);
    Object.assign(config, { write16: () => {} });
    expect(thrownBy(() => change('D3hot'))).toMatchObject({
      code: 'ERR_VFIO_UNSUPPORTED',
      message: expect.stringContaining('stays in D0 instead of D3hot'),
    });
  });
});
