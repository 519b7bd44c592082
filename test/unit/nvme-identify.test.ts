// SPDX-License-Identifier: MIT
import { describe, expect, test } from '@jest/globals';
import {
  parseController,
  parseDescriptors,
  parseNamespace,
  parseNamespaceList,
  versionText,
} from '../../lib/nvme/identify.js';

function controllerData(): Buffer {
  const data = Buffer.alloc(4096);
  data.writeUInt16LE(0x1b36, 0);
  data.writeUInt16LE(0x1af4, 2);
  data.write('vfio-nvme-0'.padEnd(20), 4, 'latin1');
  data.write('QEMU NVMe Ctrl'.padEnd(40), 24, 'latin1');
  data.write('7.2.22'.padEnd(8), 64, 'latin1');
  data.set([0x00, 0x54, 0x52], 73);
  data[77] = 7;
  data.writeUInt16LE(3, 78);
  data.writeUInt32LE(0x0001_0400, 80);
  data.writeUInt32LE(250_000, 88);
  data.writeUInt32LE(0x0100, 92);
  data[111] = 1;
  data.writeUInt16LE(0x12a, 256);
  data.set([3, 4, 7, 6, 63, 2], 258);
  data.writeUInt16LE(343, 266);
  data.writeUInt16LE(373, 268);
  data.writeUInt16LE(10, 320);
  data.writeUInt16LE(0x15d, 520);
  data.writeBigUInt64LE(2n ** 40n, 280);
  data.writeBigUInt64LE(1n, 288);
  data[512] = 0x66;
  data[513] = 0x44;
  data.writeUInt32LE(256, 516);
  data[525] = 7;
  data.write('nqn.2019-08.org.qemu:vfio-nvme-0', 768, 'latin1');
  return data;
}

describe('controller', () => {
  test('has its fields where figure 275 puts them', () => {
    expect(parseController(controllerData())).toEqual({
      vid: 0x1b36,
      ssvid: 0x1af4,
      sn: 'vfio-nvme-0',
      mn: 'QEMU NVMe Ctrl',
      fr: '7.2.22',
      ieee: 0x525400,
      mdts: 7,
      cntlid: 3,
      ver: 0x0001_0400,
      rtd3e: 250_000,
      ...{
        oaes: 0x100,
        cntrltype: 1,
        oacs: 0x12a,
        acl: 3,
        aerl: 4,
        frmw: 7,
        lpa: 6,
        elpe: 63,
        npss: 2,
      },
      ...{ wctemp: 343, cctemp: 373, kas: 10, oncs: 0x15d },
      nn: 256,
      vwc: 7,
      sqes: 0x66,
      cqes: 0x44,
      tnvmcap: 2n ** 64n + 2n ** 40n,
      subnqn: 'nqn.2019-08.org.qemu:vfio-nvme-0',
    });
  });

  test('cannot send control characters to a terminal', () => {
    const data = controllerData();
    data.write('\x1b[31mred\x00\x7f', 24, 'latin1');
    expect(parseController(data).mn).toMatch(/^\.\[31mred\.\./);
  });

  test('is parsed where it lies in a larger buffer', () => {
    const larger = Buffer.concat([Buffer.alloc(100), controllerData()]);
    expect(parseController(larger.subarray(100)).sn).toBe('vfio-nvme-0');
  });
});

describe('namespace', () => {
  function namespaceData(flbas: number, format: number, lbads: number, metadata = 0): Buffer {
    const data = Buffer.alloc(4096);
    data.writeBigUInt64LE(0x20_0000n, 0);
    data.writeBigUInt64LE(0x1f_0000n, 8);
    data.writeBigUInt64LE(0x1000n, 16);
    data[24] = 0x10;
    data[26] = flbas;
    data.writeUInt16LE(256, 46);
    data[104] = 0x12;
    data[127] = 0x34;
    data.writeUInt32LE(((lbads << 16) | metadata) >>> 0, 128 + 4 * format);
    return data;
  }

  test('has the size of its selected LBA format', () => {
    expect(parseNamespace(1, namespaceData(0, 0, 9))).toEqual({
      nsid: 1,
      nsze: 0x20_0000n,
      ncap: 0x1f_0000n,
      nuse: 0x1000n,
      blockBytes: 512,
      metadataBytes: 0,
      nsfeat: 0x10,
      noiob: 256,
      nguid: `12${'0'.repeat(30)}`,
      eui64: `${'0'.repeat(14)}34`,
    });
    expect(parseNamespace(2, namespaceData(4, 4, 12)).blockBytes).toBe(4096);
    expect(parseNamespace(2, namespaceData(1, 1, 9, 8)).metadataBytes).toBe(8);
  });

  test('takes bits 6:5 of FLBAS as the upper bits of the format', () => {
    expect(parseNamespace(1, namespaceData(0b0010_0010, 18, 12)).blockBytes).toBe(4096);
  });
});

test('the list of namespaces ends with a zero, or with its page', () => {
  const list = new Uint8Array(new Uint32Array([1, 2, 7, 0, 9]).buffer);
  expect(parseNamespaceList(list)).toEqual([1, 2, 7]);
  expect(parseNamespaceList(new Uint8Array(4096))).toEqual([]);
  const full = new Uint8Array(new Uint32Array(1024).fill(5).buffer);
  expect(parseNamespaceList(full).length).toBe(1024);
});

describe('the descriptors of a namespace', () => {
  test('have a type and an identifier', () => {
    const list = Buffer.alloc(4096);
    list.set([3, 2, 0, 0, 0xab, 0xcd, 4, 1, 0, 0, 2, 9, 1, 0, 0, 7]);
    expect(parseDescriptors(list)).toEqual([
      { nidt: 3, type: 'UUID', nid: 'abcd' },
      { nidt: 4, type: 'CSI', nid: '02' },
      { nidt: 9, type: undefined, nid: '07' },
    ]);
  });

  test('end where one would overlap the end', () => {
    expect(parseDescriptors(Buffer.from([1, 8, 0, 0, 1, 2, 3]))).toEqual([]);
    expect(parseDescriptors(Buffer.from([1, 0, 0, 0, 1, 1, 0, 0, 5]))).toEqual([]);
  });
});

test('versions', () => {
  expect(versionText(0x0001_0400)).toBe('1.4');
  expect(versionText(0x0001_0201)).toBe('1.2.1');
  expect(versionText(0x0002_0000)).toBe('2.0');
});
