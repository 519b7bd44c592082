// SPDX-License-Identifier: MIT
// Config space through VFIO: which registers are real, which are virtual, and which are never written.
import { readFileSync } from 'node:fs';
import { beforeEach, expect, test } from '@jest/globals';
import type { ConfigSpace, Device } from '../../lib/index.js';
import { edu, nvme, type VmDevice } from '../../vm/devices.js';
import { realConfig16, useDevice } from '../support/bound.js';
import { command } from '../support/command-register.js';
import { describeOn } from '../support/subject.js';
import { sysfs } from '../support/sysfs.js';

const capabilityId = { powerManagement: 0x01, msi: 0x05, express: 0x10, msix: 0x11 };

function sysfsNumber(device: VmDevice, name: string): number {
  return Number(readFileSync(sysfs(device, name), 'utf8'));
}

describeOn({ backend: 'type1' }, 'config space', () => {
  const heldNvme = useDevice(nvme);
  const heldEdu = useDevice(edu);
  let device: Device;
  let config: ConfigSpace;
  let plain: Device;

  beforeEach(() => {
    ({ device } = heldNvme);
    ({ config } = device);
    plain = heldEdu.device;
  });

  test.each([edu, nvme])('has the ids that sysfs has: $id', (which) => {
    const space = which === nvme ? config : plain.config;
    expect({
      vendor: space.vendorId,
      device: space.deviceId,
      class: space.classCode,
      revision: space.revision,
      subsystem_vendor: space.subsystemVendorId,
      subsystem_device: space.subsystemId,
    }).toEqual(
      Object.fromEntries(
        ['vendor', 'device', 'class', 'revision', 'subsystem_vendor', 'subsystem_device'].map(
          (name) => [name, sysfsNumber(which, name)],
        ),
      ),
    );
  });

  test('has memory decode on and bus master off at open', async () => {
    await heldNvme.reopen();
    expect(heldNvme.device.busMaster).toBe(false);
    expect(heldNvme.device.config.command & command.memory).toBe(command.memory);
    const real = realConfig16(nvme, command.register);
    expect(real & (command.memory | command.busMaster)).toBe(command.memory);
  });

  test('turns bus master on and off in the device', () => {
    device.busMaster = true;
    expect(device.busMaster).toBe(true);
    expect(config.command & command.busMaster).toBe(command.busMaster);
    expect(realConfig16(nvme, command.register) & command.busMaster).toBe(command.busMaster);
    device.busMaster = false;
    expect(device.busMaster).toBe(false);
    expect(realConfig16(nvme, command.register) & command.busMaster).toBe(0);
  });

  test('drops writes to the ids', () => {
    config.write16(0x00, 0xdead);
    config.write16(0x02, 0xbeef);
    config.write32(0x08, 0xffff_ffff);
    expect([config.vendorId, config.deviceId]).toEqual([nvme.vendor, nvme.device]);
    expect(config.classCode).toBe(0x01_0802);
    expect(realConfig16(nvme, 0)).toBe(nvme.vendor);
  });

  test('keeps BARs virtual: sizing one moves nothing', () => {
    const bar = 0x10;
    const before = config.read32(bar);
    const real = realConfig16(nvme, bar + 2);
    const version = device.bar(0).read32(0x08);
    config.write32(bar, 0xffff_ffff);
    expect(config.read32(bar) & ~0xf).toBe(-device.bar(0).byteLength);
    expect(realConfig16(nvme, bar + 2)).toBe(real);
    expect(device.bar(0).read32(0x08)).toBe(version);
    config.write32(bar, before);
    expect(config.read32(bar)).toBe(before);
  });

  test('has the capabilities that lspci would show', () => {
    const found = config.capabilities();
    expect(found.map(({ id }) => id).sort()).toEqual(
      [capabilityId.powerManagement, capabilityId.express, capabilityId.msix].sort(),
    );
    for (const { id, offset } of found) {
      expect(config.read8(offset)).toBe(id);
      expect(realConfig16(nvme, offset) & 0xff).toBe(id);
      expect(config.find(id)?.offset).toBe(offset);
    }
    expect(plain.config.capabilities()).toMatchObject([{ id: capabilityId.msi }]);
  });

  test('does not let MSI-X be enabled behind the back of VFIO', () => {
    const control = (config.find(capabilityId.msix)?.offset ?? 0) + 2;
    config.write16(control, config.read16(control) | 0x8000);
    expect(realConfig16(nvme, control) & 0x8000).toBe(0);
  });
});

/** A write to config space, at an offset or in the registers of a capability. */
interface ConfigWrite {
  what: string;
  at: (config: ConfigSpace) => number;
  width: 16 | 32;
  /** All ones by default. */
  value?: number;
}

function inCapability(id: number, register: number): ConfigWrite['at'] {
  return (config) => (config.find(id)?.offset ?? Number.NaN) + register;
}

const kept: ConfigWrite[] = [
  { what: 'vendor and device ID', at: () => 0x00, width: 32 },
  { what: 'revision and class', at: () => 0x08, width: 32 },
  { what: 'the header type', at: () => 0x0e, width: 16 },
  { what: 'BAR 0', at: () => 0x10, width: 32 },
  { what: 'BAR 1, the upper half of BAR 0', at: () => 0x14, width: 32 },
  { what: 'subsystem IDs', at: () => 0x2c, width: 32 },
  { what: 'the ROM BAR', at: () => 0x30, width: 32 },
  { what: 'the start of the capability list', at: () => 0x34, width: 32 },
  { what: 'interrupt line and pin', at: () => 0x3c, width: 16 },
  { what: 'the header of MSI-X', at: inCapability(capabilityId.msix, 0), width: 16 },
  { what: 'the enable and mask bits of MSI-X', at: inCapability(capabilityId.msix, 2), width: 16 },
  { what: 'where the MSI-X table is', at: inCapability(capabilityId.msix, 4), width: 32 },
  {
    what: 'the header of power management',
    at: inCapability(capabilityId.powerManagement, 0),
    width: 16,
  },
  { what: 'the header of PCI Express', at: inCapability(capabilityId.express, 0), width: 16 },
];

// None of them selects which interrupts the device raises, or where it may write.
const carriedOut: ConfigWrite[] = [
  { what: 'memory decode and bus master', at: () => 0x04, width: 16, value: 0x0006 },
  { what: 'memory decode off', at: () => 0x04, width: 16, value: 0x0000 },
  {
    what: 'the power state',
    at: inCapability(capabilityId.powerManagement, 4),
    width: 16,
    value: 0x0003,
  },
];

describeOn({ backend: 'type1' }, 'S6/ a write to config space', () => {
  const held = useDevice(nvme);

  const write = ({ at, width, value }: ConfigWrite) => {
    const { config } = held.device;
    const offset = at(config);
    if (width === 16) config.write16(offset, value ?? 0xffff);
    else config.write32(offset, value ?? 0xffff_ffff);
  };
  const inDevice = ({ at, width }: ConfigWrite) => {
    const offset = at(held.device.config);
    const offsets = width === 16 ? [offset] : [offset, offset + 2];
    return offsets.map((each) => realConfig16(nvme, each));
  };

  test.each(kept)('does not reach the device: $what', (one) => {
    const before = inDevice(one);
    write(one);
    expect(inDevice(one)).toEqual(before);
  });

  test.each(carriedOut)('reaches the device: $what', (one) => {
    const bits = 0x0007;
    const { config } = held.device;
    const [offset, before] = [one.at(config), config.read16(one.at(config))];
    write(one);
    const [after = 0] = inDevice(one);
    config.write16(offset, before);
    expect(after & bits).toBe(one.value);
  });

  test('leaves the device in its place and working', () => {
    for (const one of kept) write(one);
    const { device } = held;
    expect([device.config.vendorId, device.config.deviceId]).toEqual([nvme.vendor, nvme.device]);
    expect(device.bar(0).read32(0x08)).toBeGreaterThan(0);
  });
});
