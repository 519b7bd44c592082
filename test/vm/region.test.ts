// SPDX-License-Identifier: MIT
// How the kernel provides BARs: memory is mapped, I/O ports are accessed through the kernel.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Device, openDevice, type Region } from '../../lib/index.js';
import { blocked, edu } from '../../vm/devices.js';
import { useBound, useDevice } from '../support/bound.js';
import { deviceMappings } from '../support/own-process.js';
import { describeOn } from '../support/subject.js';

describeOn({ backend: 'type1', device: 'edu' }, 'a BAR', () => {
  const held = useDevice(edu);

  test('is mapped', () => {
    held.device.bar(0).read32(0);
    expect(deviceMappings().some((line) => line.includes('[vfio-device]'))).toBe(true);
  });
});

describeOn({ backend: 'type1', device: 'e1000e' }, 'a BAR of ioports', () => {
  /** Intel 82574, 10.2.1: write the offset of a BAR 0 register to the first port, and access it through the second. */
  const [ioAddress, ioData] = [0, 4];
  /** The base of the transmit ring, low half. */
  const ringBase = 0x3800;
  const unsupported = expect.objectContaining({ code: 'ERR_VFIO_UNSUPPORTED' });
  let device: Device;
  let ports: Region;

  // Registered first, so that it runs before the devices are restored.
  afterAll(() => device.close());
  useBound(blocked.edu, blocked.neighbour);
  beforeAll(async () => {
    device = await openDevice(blocked.neighbour.address);
    ports = device.bar(2);
  });

  test('is told from memory', () => {
    expect(device.info.regions.map(({ name, ioPorts }) => `${name} ${ioPorts}`)).toEqual([
      'BAR0 false',
      'BAR1 false',
      'BAR2 true',
      'BAR3 false',
      'CONFIG false',
    ]);
    expect(ports.mappable).toBe(false);
  });

  test('takes accesses of 32 bits', () => {
    ports.write32(ioAddress, ringBase);
    ports.write32(ioData, 0x1230);
    expect([ports.read32(ioData), device.bar(0).read32(ringBase)]).toEqual([0x1230, 0x1230]);
  });

  test('is not touched by accesses of 64 bits, which the kernel would make two of', () => {
    ports.write32(ioAddress, ringBase);
    ports.write32(ioData, 0x1230);
    // Split into two halves, it would write to another register.
    const both = (0x4560n << 32n) | BigInt(ringBase + 0x100);
    expect(() => ports.read64(ioAddress)).toThrow(unsupported);
    expect(() => ports.write64(ioAddress, both)).toThrow(unsupported);
    expect(() => ports.writeArray(ioAddress, BigUint64Array.of(both))).toThrow(unsupported);
    expect(() => ports.batch([{ offset: ioAddress, width: 64 }]).run()).toThrow(unsupported);
    expect([ports.read32(ioAddress), ports.read32(ioData)]).toEqual([ringBase, 0x1230]);
    expect(ports.read64LowFirst(ioAddress)).toBe((0x1230n << 32n) | BigInt(ringBase));
  });
});
