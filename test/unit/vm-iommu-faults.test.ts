// SPDX-License-Identifier: MIT
// What `npm run vm` makes of the lines in which an IOMMU says that it stopped a device. The lines of VT-d are from the
// test machine; those of AMD-Vi and of Arm's SMMU are as the kernel's sources print them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { decodeBuffer, encodeBuffer } from '../../vm/iommu/buffers.js';
import { findFaults } from '../../vm/iommu/faults.js';
import { reportFaults } from '../../vm/iommu/report.js';

const vtd = {
  device: '0000:00:01.0',
  access: 'write',
  iova: 0x12000n,
  isPage: true,
  reason: 'not-mapped',
};
const amd = { ...vtd, device: '0000:01:00.0', iova: 0xfffff010n, isPage: false };

/** What an SMMUv3 says, as lines of /dev/kmsg. */
function smmuEvent(id: string, words: readonly string[], ...more: string[]): string {
  const lines = [`event 0x${id} received:`, ...words.map((word) => `\\x090x${word}`), ...more];
  return lines.map((text) => `[    9.000000] arm-smmu-v3 arm-smmu-v3.0.auto: ${text}`).join('\n');
}

describe('an iommu fault is decoded', () => {
  test.each([
    [
      'VT-d, Linux 7.3',
      'DMAR: [DMA Write NO_PASID] Request device [0000:00:01.0] fault addr 0x12000 [fault reason 0x05] PTE Write access is not set',
      vtd,
    ],
    [
      'VT-d, Linux 6.1',
      'DMAR: [DMA Read NO_PASID] Request device [00:01.0] fault addr 0x12000 [fault reason 0x06] PTE Read access is not set',
      { ...vtd, access: 'read' },
    ],
    [
      'VT-d, Linux 5.4',
      'DMAR: [DMA Write] Request device [00:01.0] PASID ffffffff fault addr 12000 [fault reason 05] PTE Write access is not set',
      vtd,
    ],
    [
      'VT-d, scalable mode',
      'DMAR: [DMA Read PASID 0x0] Request device [00:01.0] fault addr 0x12000 [fault reason 0x71] SM: Present bit in first-level paging entry is clear',
      { ...vtd, access: 'read' },
    ],
    [
      'VT-d, an address of too many bits',
      'DMAR: [DMA Write NO_PASID] Request device [00:01.0] fault addr 0x12000 [fault reason 0x04] Access beyond MGAW',
      { ...vtd, reason: 'out-of-reach' },
    ],
    [
      'VT-d, a device without mappings',
      'DMAR: [DMA Write NO_PASID] Request device [00:01.0] fault addr 0x12000 [fault reason 0x02] Present bit in context entry is clear',
      { ...vtd, reason: 'detached' },
    ],
    [
      'AMD-Vi, of a known device',
      'vfio-pci 0000:01:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0003 address=0xfffff010 flags=0x0020]',
      amd,
    ],
    [
      'AMD-Vi, which does not say what the access was',
      'AMD-Vi: Event logged [IO_PAGE_FAULT device=01:00.0 domain=0x0003 address=0xfffff010 flags=0x0000]',
      { ...amd, access: undefined },
    ],
    [
      'AMD-Vi, a write to read-only memory',
      'AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:01:00.0 domain=0x0003 address=0xfffff010 flags=0x0070]',
      { ...amd, reason: 'forbidden' },
    ],
    [
      'SMMUv2',
      'arm-smmu 5000000.iommu: Unhandled context fault: fsr=0x402, iova=0xfffff010, fsynr=0x11, cbfrsynra=0x100, cb=2',
      { ...amd, device: 'stream ID 0x100' },
    ],
    [
      'SMMUv3',
      smmuEvent('10', [
        '0000010000000010',
        '0000020800000000',
        '00000000fffff010',
        '0000000000000000',
      ]),
      { ...amd, device: 'stream ID 0x100', access: 'read' },
    ],
    [
      'SMMUv3, from Linux 6.15 on',
      smmuEvent(
        '13',
        ['0000010000000013', '0000020000000000', '00000000fffff010', '0000000000000000'],
        'event: F_PERMISSION client: 0000:01:00.0 sid: 0x100 ssid: 0x0 iova: 0xfffff010 ipa: 0x0',
        'unpriv data write s1 "Input address caused fault" stag: 0x0',
      ),
      { ...amd, reason: 'forbidden' },
    ],
  ])('%s', (_, log, fault) => {
    expect(findFaults(log)).toEqual([{ line: log.split('\n')[0], fault }]);
  });

  test.each([
    'DMAR: [INTR-REMAP] Request device [00:01.0] fault index 0x0 [fault reason 0x22] Present field in the IRTE entry is clear',
    'AMD-Vi: Event logged [IO_PAGE_FAULT device=01:00.0 domain=0x0003 address=0xfdf8200000 flags=0x0008]',
    'arm-smmu-v3 arm-smmu-v3.0.auto: event 0x02 received:',
  ])('or else printed as it is: %s', (line) => {
    expect(findFaults(line)).toEqual([{ line, fault: undefined }]);
    expect(reportFaults(line, [])).toBe(`-- stopped by the IOMMU --\n${line}\n`);
  });

  test.each([
    'DMAR: DRHD: handling fault status reg 2',
    'DMAR: Dump dmar0 table entries for IOVA 0x12000',
    'DMAR: Intel(R) Virtualization Technology for Directed I/O',
    'AMD-Vi: Interrupt remapping enabled',
    'arm-smmu-v3 arm-smmu-v3.0.auto: allocated 65536 entries for evtq',
  ])('and a line that is none is left out: %s', (line) => {
    expect(reportFaults(line, [])).toBe('');
  });
});

describe('an iommu fault is reported', () => {
  const fault = (iova: bigint, access = 'Write') =>
    `[   37.4] DMAR: [DMA ${access} NO_PASID] Request device [00:01.0] fault addr 0x${iova.toString(16)} [fault reason 0x05] PTE Write access is not set`;
  const buffer = (iova: bigint, byteLength: number, direction = 'both') => ({
    iova,
    byteLength,
    direction,
  });
  const buffers = [buffer(0x10000n, 4096), buffer(0x40000n, 8192, 'toDevice')];

  test('with the device, the access, the reason and the nearest buffer', () => {
    expect(reportFaults(fault(0x12000n), buffers)).toBe(
      '-- stopped by the IOMMU --\n' +
        '0000:00:01.0 (edu0) tried to write the page at IOVA 0x12000: nothing is mapped there that it may write.\n' +
        '  The nearest is the buffer 0x10000 to 0x10fff (4096 bytes): it ends 0x1000 bytes before that.\n',
    );
  });

  test('as docs/troubleshooting.md shows', () => {
    const page = readFileSync(join(__dirname, '../../docs/troubleshooting.md'), 'utf8');
    expect(page).toContain(reportFaults(fault(0x12000n), [buffer(0x11000n, 4096)]));
  });

  test.each([
    ['directly behind one', 0x11000n, 'to 0x10fff (4096 bytes): it ends directly before that.'],
    ['directly before one', 0x3f000n, '0x40000 to 0x41fff (8192 bytes): it begins directly after'],
    ['before one', 0x3e000n, 'it begins 0x1000 bytes after that.'],
    [
      'in one that the device may only read',
      0x41000n,
      "which the device may only read ('toDevice')",
    ],
    [
      'in one that is closed',
      0x10000n,
      'which was closed by then, or belongs to another container',
    ],
    ['at 0', 0n, 'perhaps a pointer was never set'],
  ])('%s', (_, iova, expected) => {
    expect(reportFaults(fault(iova), buffers)).toContain(expected);
  });

  test('in the last of the buffers that were there', () => {
    const again = [...buffers, buffer(0x10000n, 8192, 'toDevice'), buffer(0x80000n, 4096)];
    expect(reportFaults(fault(0x10000n), again)).toContain('0x10000 to 0x11fff (8192 bytes)');
  });

  test('of a program without a buffer', () => {
    expect(reportFaults(fault(0x12000n), [])).toContain('allocated no DMA buffer');
  });

  test('once, with how often it came', () => {
    const [first, second] = [fault(0x12000n), fault(0x12000n).replace('37.4', '37.5')];
    const report = reportFaults([first, second, '-- console --', first].join('\n'), buffers);
    expect(report.match(/tried to/g)).toHaveLength(1);
    expect(report).toMatch(/\(2 times\)\n$/);
  });

  test.each([
    ['the kernel says so', 'dmar_fault: 17 callbacks suppressed'],
    ['the kernel announced another', 'DMAR: DRHD: handling fault status reg 2'],
  ])('with a word about those that were left out, if %s', (_, line) => {
    const whole = ['DMAR: DRHD: handling fault status reg 2', fault(0x12000n)];
    expect(reportFaults(whole.join('\n'), buffers)).not.toContain('There were more');
    expect(reportFaults([...whole, line].join('\n'), buffers)).toContain('There were more');
  });
});

test('a buffer comes through the file of results as it was', () => {
  const buffer = { iova: 2n ** 40n, byteLength: 4096, direction: 'both' };
  expect(decodeBuffer(encodeBuffer(buffer))).toEqual(buffer);
  expect(decodeBuffer('{"a result":1}')).toBeUndefined();
});
