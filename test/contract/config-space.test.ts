// SPDX-License-Identifier: MIT
// Config space: access widths, its end, the command register, and the search for capabilities.
import { beforeEach, expect, test } from '@jest/globals';
import type { ConfigSpace, Device } from '../../lib/index.js';
import { describeContract } from '../support/back-ends.js';
import { command } from '../support/command-register.js';

const capabilityId = { msi: 0x05 };

describeContract({}, 'config space', (subject) => {
  const heldNvme = subject.useDevice(subject.devices.nvme);
  const heldEdu = subject.useDevice(subject.devices.edu);
  let device: Device;
  let config: ConfigSpace;
  let plain: Device;

  beforeEach(() => {
    ({ device } = heldNvme);
    ({ config } = device);
    plain = heldEdu.device;
  });

  test('reads the same in accesses of 8, 16 and 32 bits', () => {
    const bytes = Buffer.alloc(256);
    const halves = Buffer.alloc(256);
    const words = Buffer.alloc(256);
    for (let offset = 0; offset < 256; offset++) bytes.writeUInt8(config.read8(offset), offset);
    for (let offset = 0; offset < 256; offset += 2) {
      halves.writeUInt16LE(config.read16(offset), offset);
    }
    for (let offset = 0; offset < 256; offset += 4) {
      words.writeUInt32LE(config.read32(offset), offset);
    }
    expect(halves).toEqual(bytes);
    expect(words).toEqual(bytes);
  });

  test('writes one byte without the ones beside it', () => {
    // The interrupt line is a scratch register. The pin next to it is not.
    const before = config.read32(0x3c);
    config.write8(0x3c, 0x5a);
    expect(config.read32(0x3c)).toBe(((before & ~0xff) | 0x5a) >>> 0);
    config.write8(0x3c, before & 0xff);
    expect(config.read32(0x3c)).toBe(before);
  });

  test('has no accesses of 64 bits', () => {
    const unsupported = expect.objectContaining({ code: 'ERR_VFIO_UNSUPPORTED' });
    expect(() => config.read64(0)).toThrow(unsupported);
    expect(() => config.write64(0, 0n)).toThrow(unsupported);
  });

  test('ends where it ends', () => {
    const last = config.byteLength - 4;
    expect(config.read32(last)).toBeGreaterThanOrEqual(0);
    for (const read of [
      () => config.read8(config.byteLength),
      () => config.read16(config.byteLength),
      () => config.read32(config.byteLength),
    ]) {
      expect(read).toThrow(expect.objectContaining({ code: 'ERR_VFIO_RANGE' }));
    }
    for (const read of [() => config.read16(1), () => config.read32(2)]) {
      expect(read).toThrow(expect.objectContaining({ code: 'ERR_VFIO_ALIGN' }));
    }
  });

  test('shows a bus master bit that was set through the command register', () => {
    config.command |= command.busMaster;
    expect(device.busMaster).toBe(true);
    config.command &= ~command.busMaster;
    expect(device.busMaster).toBe(false);
  });

  test('names the capabilities, with their fields', () => {
    const names = config.capabilities().map(({ name }) => name);
    expect(names.sort()).toEqual(['msix', 'pciExpress', 'powerManagement']);
    expect(config.capability('msix')).toMatchObject({
      vectors: device.interruptInfo('msix').count,
      enabled: false,
      table: { bar: 0, offset: 0x2000, byteLength: device.interruptInfo('msix').count * 16 },
      pba: { bar: 0, offset: 0x3000 },
    });
    expect(config.capability('pciExpress')).toMatchObject({
      type: 'endpoint',
      functionLevelReset: true,
      link: { speed: 2.5, width: 1 },
    });
    expect(plain.config.capability('msi')).toMatchObject({ vectors: 1, address64: true });
  });

  test('shows that MSI-X is on', () => {
    device.busMaster = true;
    using interrupts = device.enableInterrupts('msix');
    expect(config.capability('msix')).toMatchObject({ enabled: true, masked: false });
    interrupts.close();
    expect(config.capability('msix')?.enabled).toBe(false);
    device.busMaster = false;
  });

  test('says when a capability is not there', () => {
    expect(config.capability('msi')).toBeUndefined();
    expect(config.capability('aer')).toBeUndefined();
    expect(config.find(capabilityId.msi)).toBeUndefined();
    expect(config.findExtended(0xffff)).toBeUndefined();
    expect(plain.config.extendedCapabilities()).toEqual([]);
  });
});
