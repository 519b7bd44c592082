// SPDX-License-Identifier: MIT
// Containers: the info about their address space, and the devices that share one.
import { describe, expect, test } from '@jest/globals';
import { describeContract } from '../support/back-ends.js';
import { Edu } from '../support/edu.js';

describeContract({}, 'a container', (subject) => {
  const { edu, nvme, pair } = subject.devices;
  const { msiWindow, last: lastIova } = subject.iovas;
  subject.useReady(edu, nvme, ...pair);

  describe('without a device', () => {
    test('opens empty', async () => {
      await using container = await subject.openContainer();
      expect(container.backend).toBe(subject.backend);
      expect(container.closed).toBe(false);
      expect(container.devices).toEqual([]);
      expect(container.groups).toEqual([]);
    });

    test('has no IOVAs and no page sizes', async () => {
      await using container = await subject.openContainer();
      expect(container.info).toEqual({
        attached: false,
        iovaRanges: [],
        pageSizes: [],
        mappingsAvailable: undefined,
      });
    });

    test('refuses DMA memory and says what to do first', async () => {
      await using container = await subject.openContainer();
      expect(() => container.allocDma(4096)).toThrow(
        expect.objectContaining({
          code: 'ERR_VFIO_NO_DEVICE',
          hint: expect.stringContaining('Open a device in this container first'),
        }),
      );
    });
  });

  describe('with a device', () => {
    test('reports ascending IOVA ranges that do not overlap', async () => {
      await using container = await subject.openContainer();
      await container.openDevice(edu.address);
      const { attached, iovaRanges } = container.info;
      expect(attached).toBe(true);
      expect(iovaRanges.length).toBeGreaterThan(0);
      let end = -1n;
      for (const { first, last } of iovaRanges) {
        expect(first).toBeGreaterThan(end);
        expect(last).toBeGreaterThan(first);
        end = last;
      }
    });

    test('reports a hole where message-signalled interrupts are', async () => {
      await using container = await subject.openContainer();
      await container.openDevice(edu.address);
      const { iovaRanges } = container.info;
      for (const { first, last } of iovaRanges) {
        expect(last < msiWindow.first || first > msiWindow.last).toBe(true);
      }
      expect(iovaRanges.map(({ last }) => last)).toContain(msiWindow.first - 1n);
      expect(iovaRanges.map(({ first }) => first)).toContain(msiWindow.last + 1n);
    });

    test('reports no IOVA that the IOMMU cannot translate', async () => {
      await using container = await subject.openContainer();
      await container.openDevice(edu.address);
      expect(container.info.iovaRanges.at(-1)?.last).toBe(lastIova);
    });

    test('is without IOVAs again when its last device is closed', async () => {
      await using container = await subject.openContainer();
      const device = await container.openDevice(edu.address);
      await device.close();
      expect(container.info).toMatchObject({ attached: false, iovaRanges: [] });
      expect(() => container.allocDma(4096)).toThrow(
        expect.objectContaining({ code: 'ERR_VFIO_NO_DEVICE' }),
      );
    });

    test('keeps its mappings while no device is open', async () => {
      await using container = await subject.openContainer();
      const first = await container.openDevice(edu.address);
      const sent = container.allocDma(4096);
      const received = container.allocDma(4096);
      sent.u8.fill(0x5a);
      await first.close();

      const again = await container.openDevice(edu.address);
      again.busMaster = true;
      await new Edu(again).load(sent.iova, 64);
      await new Edu(again).store(received.iova, 64);
      expect(received.u8.slice(0, 65)).toEqual(new Uint8Array(65).fill(0x5a, 0, 64));
    });
  });

  describe('with several devices', () => {
    test('shows all of them the same memory', async () => {
      await using container = await subject.openContainer();
      // The DMA of the pair reaches 28 address bits.
      const devices = [];
      for (const { address } of [edu, ...pair]) devices.push(await container.openDevice(address));
      const buffer = container.allocDma(4096, { iova: 0x0abc_d000n });
      buffer.u8.fill(1, 0, 16);
      const [writer, ...others] = devices.map((device) => {
        device.busMaster = true;
        return new Edu(device);
      });
      await writer?.load(buffer.iova, 16);
      await writer?.store(buffer.iova + 64n, 16);
      for (const [index, other] of others.entries()) {
        const to = 128 + index * 64;
        await other.load(buffer.iova + 64n, 16);
        await other.store(buffer.iova + BigInt(to), 16);
        expect(buffer.u8.slice(to, to + 16)).toEqual(new Uint8Array(16).fill(1));
      }
    });

    test('maps for the others on when one of them is closed', async () => {
      await using container = await subject.openContainer();
      const gone = await container.openDevice(nvme.address);
      const stays = await container.openDevice(edu.address);
      const buffer = container.allocDma(4096);
      await gone.close();
      expect(container.devices).toEqual([stays]);
      expect(container.info.attached).toBe(true);
      buffer.u8.fill(7, 0, 8);
      stays.busMaster = true;
      await new Edu(stays).load(buffer.iova, 8);
      await new Edu(stays).store(buffer.iova + 8n, 8);
      expect(buffer.u8.slice(0, 17)).toEqual(new Uint8Array(17).fill(7, 0, 16));
    });
  });

  describe('and another', () => {
    test('have IOVAs of their own', async () => {
      await using one = await subject.openContainer();
      await using other = await subject.openContainer();
      await one.openDevice(edu.address);
      await other.openDevice(nvme.address);
      const iova = 0x1000_0000n;
      one.allocDma(4096, { iova });
      expect(other.allocDma(4096, { iova }).iova).toBe(iova);
    });
  });
});
