// SPDX-License-Identifier: MIT
// The info of a device: its identity, its regions and its interrupts.
import { release } from 'node:os';
import { expect, test } from '@jest/globals';
import { describeContract } from '../support/back-ends.js';

/** Linux adds MSI-X vectors while others are armed since 6.5. */
const addsMsix = !/^6\.[0-4]\./.test(release());
const none = { count: 0, maskable: false, autoMasked: false };

describeContract({ device: 'edu' }, 'the info of a device without a reset', (subject) => {
  const { edu } = subject.devices;
  const held = subject.useDevice(edu);

  test('has its identity', () => {
    expect(held.device.info).toMatchObject({
      vendorId: edu.vendor,
      deviceId: edu.device,
      classCode: 0x00_ff00,
      resettable: false,
    });
  });

  test('lists the regions there are, by their numbers', () => {
    expect(held.device.info.regions).toMatchObject([
      {
        index: 0,
        name: 'BAR0',
        byteLength: 2 ** 20,
        readable: true,
        writable: true,
        mappable: true,
      },
      {
        index: 7,
        name: 'CONFIG',
        byteLength: 256,
        readable: true,
        writable: true,
        mappable: false,
      },
    ]);
  });

  test.each([1, 2, 3, 4, 5, 6, 8])('keeps the number of region %i, which it lacks', (index) => {
    expect(() => held.device.region(index)).toThrow(
      expect.objectContaining({ code: 'ERR_VFIO_UNSUPPORTED', address: edu.address }),
    );
    // Config space is still number 7.
    expect(held.device.region(7)).toBe(held.device.config);
  });

  test.each([-1, 9, 1.5, 2 ** 32, Number.NaN])('has no region %d', (index) => {
    expect(() => held.device.region(index)).toThrow(
      expect.objectContaining({ code: 'ERR_VFIO_RANGE' }),
    );
  });

  test('has no ROM', () => {
    expect(held.device.rom).toBeUndefined();
  });

  test('knows one INTx and one MSI, and no MSI-X', () => {
    expect(held.device.interruptInfo('intx')).toMatchObject({
      count: 1,
      maskable: true,
      autoMasked: true,
    });
    expect(held.device.interruptInfo('msi')).toEqual({ ...none, count: 1, resizable: false });
    expect(held.device.interruptInfo('msix')).toMatchObject(none);
  });
});

describeContract({ device: 'nvme' }, 'the info of a device with MSI-X', (subject) => {
  const { nvme } = subject.devices;
  const held = subject.useDevice(nvme);

  test('has its identity, and that it can be reset', () => {
    expect(held.device.info).toMatchObject({
      vendorId: nvme.vendor,
      deviceId: nvme.device,
      classCode: 0x01_0802,
      resettable: true,
    });
  });

  test('knows one INTx, no MSI, and as many MSI-X as its capability says', () => {
    const capability = held.device.config.find(0x11);
    const count = (held.device.config.read16((capability?.offset ?? 0) + 2) & 0x7ff) + 1;
    expect(count).toBe(65);
    expect(held.device.interruptInfo('msix')).toEqual({ ...none, count, resizable: addsMsix });
    expect(held.device.interruptInfo('msi')).toMatchObject(none);
    expect(held.device.interruptInfo('intx').count).toBe(1);
  });

  test('stays readable after close', async () => {
    const { info } = held.device;
    await held.device.close();
    expect(held.device.info).toBe(info);
    expect(held.device.info.classCode).toBe(0x01_0802);
    expect(() => held.device.interruptInfo('msix')).toThrow(
      expect.objectContaining({ code: 'ERR_VFIO_CLOSED' }),
    );
  });
});
