// SPDX-License-Identifier: MIT
// What a device cannot reach: memory that is not mapped for it, or not in that direction. When the IOMMU stops a
// device, the kernel log says so. The device is not told.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { Container, type Device, type DmaBuffer } from '../../lib/index.js';
import { edu, pair } from '../../vm/devices.js';
import { judgeKernelLog } from '../harness/kernel-log.js';
import { readKernelLog } from '../harness/kmsg.js';
import { useBound, useDevice } from '../support/bound.js';
import { Edu } from '../support/edu.js';
import { expectKernelLog } from '../support/kernel-log.js';
import { describeOn } from '../support/subject.js';

/** Waits longer than a transfer of edu takes. */
const transferred = () => sleep(150);

/** Announces the lines that the kernel logs when the IOMMU stops the device. */
function expectFault(way: 'Read' | 'Write', iova: bigint): void {
  const line = new RegExp(`\\[DMA ${way}\\b.*fault addr 0x${iova.toString(16)}\\b`);
  // The kernel limits its log to a few faults in five seconds.
  expectKernelLog(line, { optional: ++faults > 3 });
  expectKernelLog(/DMAR: DRHD: handling fault status/, { optional: true });
}

let faults = 0;

describeOn({ backend: 'type1', device: 'edu' }, 'a device', () => {
  const held = useDevice(edu);
  let device: Device;
  let hardware: Edu;

  beforeEach(() => {
    ({ device } = held);
    hardware = new Edu(device);
    device.busMaster = true;
  });

  describe('is stopped', () => {
    const nowhere = 0x7_0000_0000n;

    test('where nothing is mapped: a read', async () => {
      expectFault('Read', nowhere);
      using buffer = device.allocDma(4096);
      buffer.u8.fill(0x77);
      await hardware.load(nowhere, 256);
      expect(buffer.u8.every((byte) => byte === 0x77)).toBe(true);
    });

    test('where nothing is mapped: a write', async () => {
      expectFault('Write', nowhere);
      using buffer = device.allocDma(4096);
      buffer.u8.fill(0x77);
      await hardware.write(nowhere, randomBytes(256));
      expect(buffer.u8.every((byte) => byte === 0x77)).toBe(true);
    });

    test('where a buffer was, when it is closed', async () => {
      const buffer = device.allocDma(4096);
      const { iova, u8 } = buffer;
      await hardware.write(iova, Buffer.from([1, 2, 3, 4]));
      expect(u8.slice(0, 5)).toEqual(new Uint8Array([1, 2, 3, 4, 0]));
      buffer.close();
      expectFault('Write', iova);
      await hardware.write(iova, Buffer.from([5, 6, 7, 8]));
      expect(u8.every((byte) => byte === 0)).toBe(true);
    });

    test('when it writes to memory that it may only read', async () => {
      using buffer = device.allocDma(4096, { direction: 'toDevice', iova: 0x3_1000_0000n });
      const sent = randomBytes(64);
      buffer.copyFrom(sent);
      expect(Buffer.from(await hardware.read(buffer.iova, 64))).toEqual(sent);
      expectFault('Write', buffer.iova);
      await hardware.write(buffer.iova, randomBytes(64));
      expect(Buffer.from(buffer.u8.slice(0, 64))).toEqual(sent);
    });

    test('where a buffer is closed under its transfer; the next one is left alone', async () => {
      const buffer = device.allocDma(4096);
      const { iova } = buffer;
      hardware.startStore(iova, 256);
      buffer.close();
      expectFault('Write', iova);
      // Freed IOVAs are not reused at once, so the new buffers do not get the IOVA that the device still writes to.
      const next: DmaBuffer[] = Array.from({ length: 16 }, () => device.allocDma(4096));
      await transferred();
      for (const other of next) {
        expect(other.iova).not.toBe(iova);
        expect(other.u32.every((word) => word === 0)).toBe(true);
        other.close();
      }
    });

    test('behind the end of a buffer', async () => {
      using buffer = device.allocDma(4096, { iova: 0x3_0000_0000n });
      buffer.u8.fill(0x11);
      expectFault('Read', buffer.iova + 4096n);
      await hardware.load(buffer.iova + 4096n, 16);
      expect(buffer.u8.every((byte) => byte === 0x11)).toBe(true);
    });

    test('when it reads from memory that it may only write', async () => {
      using buffer = device.allocDma(4096, { direction: 'fromDevice', iova: 0x3_2000_0000n });
      const received = randomBytes(64);
      await hardware.write(buffer.iova, received);
      expect(Buffer.from(buffer.u8.slice(0, 64))).toEqual(received);
      expectFault('Read', buffer.iova);
      await hardware.load(buffer.iova, 64);
    });
  });
});

describeOn({ backend: 'type1', device: 'edu' }, 'F8/ a device in a container of its own', () => {
  useBound(pair[0]);
  const held = useDevice(edu);

  test('cannot reach what is mapped for another', async () => {
    await using other = await Container.open();
    await other.openDevice(pair[0].address);
    using theirs = other.allocDma(4096, { iova: 0x0300_0000n });
    theirs.u8.fill(0x99);
    held.device.busMaster = true;
    expectFault('Write', theirs.iova);
    await new Edu(held.device).store(theirs.iova, 256);
    expect(theirs.u8.every((byte) => byte === 0x99)).toBe(true);
  });
});

describeOn({ backend: 'type1', device: 'edu' }, 'F8/ the kernel log gate', () => {
  const held = useDevice(edu);

  test('fails a test whose device went where it may not, if that was not announced', async () => {
    const { device } = held;
    device.busMaster = true;
    // The lines that the gate would read after this test. The kernel logs ten of its faults in five seconds.
    const lines: string[] = [];
    for (let attempt = 0; attempt < 100 && lines.length === 0; attempt++) {
      await new Edu(device).store(0x7_0000_0000n, 64);
      lines.push(...readKernelLog());
    }
    await transferred();
    lines.push(...readKernelLog());
    expect(judgeKernelLog(lines, [])).toMatch(
      /^the kernel logged a line that the test did not announce: .*DMAR: /m,
    );
    const announced = [{ pattern: /DMAR/, optional: false }];
    expect(judgeKernelLog(lines, announced)).toBeUndefined();
  });
});
