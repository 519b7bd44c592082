// SPDX-License-Identifier: MIT
// Config space as a region: named registers, widths, capabilities, and bits that a write cannot change.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type ConfigSpace, type Device, openDevice } from '../../lib/index.js';
import { type MemoryDevice, useMachine } from '../../tools/testing-addon.js';
import { command } from '../support/command-register.js';
import { notNumbers, withCode } from './support.js';

const address = '0000:05:00.0';

let device: Device;
let config: ConfigSpace;
let hardware: MemoryDevice;

beforeAll(async () => {
  hardware = useMachine({ address, group: 50, msi: 8, msix: 16 }).device(address);
  device = await openDevice(address);
  config = device.config;
});
afterAll(() => device.close());

test('its registers have names', () => {
  expect([config.vendorId, config.deviceId, config.classCode]).toEqual([0x1234, 0x11e8, 0xff0000]);
  expect(config.status & 0x10).toBe(0x10);
  expect([config.revision, config.subsystemVendorId, config.subsystemId]).toEqual([0, 0, 0]);
});

test('the command register goes to the device', () => {
  const before = config.command;
  config.command = before | command.busMaster;
  expect(hardware.command()).toBe(before | command.busMaster);
  expect(device.busMaster).toBe(true);
  device.busMaster = false;
  expect(config.command).toBe(before);
});

test('bus master takes booleans and leaves the other bits alone', () => {
  const before = hardware.command();
  for (const wrong of [1, 0, 'true', null, undefined, {}]) {
    expect(() => {
      device.busMaster = wrong as never;
    }).toThrow(withCode('ERR_INVALID_ARG_TYPE'));
  }
  expect(hardware.command()).toBe(before);
});

test('wrong offsets and values change nothing', () => {
  const before = hardware.command();
  for (const offset of [-2, 0.5, 255, 256, 2 ** 53, Number.NaN]) {
    expect(() => config.write16(offset, 0)).toThrow(withCode('ERR_VFIO_RANGE'));
    expect(() => config.read16(offset)).toThrow(withCode('ERR_VFIO_RANGE'));
  }
  expect(() => config.write16(5, 0)).toThrow(withCode('ERR_VFIO_ALIGN'));
  for (const value of [-1, 0.5, 0x10000, Number.NaN, 2 ** 53]) {
    expect(() => config.write16(4, value)).toThrow(withCode('ERR_VFIO_RANGE'));
    expect(() => {
      config.command = value;
    }).toThrow(withCode('ERR_VFIO_RANGE'));
  }
  for (const [, value] of notNumbers) {
    expect(() => config.write16(4, value as never)).toThrow(withCode('ERR_INVALID_ARG_TYPE'));
  }
  expect(hardware.command()).toBe(before);
});

test('its capabilities are found in the order of their list', () => {
  expect(config.capabilities().map(({ id, offset }) => [id, offset])).toEqual([
    [0x05, 0x40],
    [0x11, 0x60],
  ]);
  expect(config.find(0x11)).toMatchObject({ offset: 0x60 });
  expect(config.read16((config.find(0x11)?.offset ?? 0) + 2) + 1).toBe(16);
  expect(config.find(0x10)).toBeUndefined();
  expect(config.extendedCapabilities()).toEqual([]);
  expect(config.findExtended(0x0001)).toBeUndefined();
  expect(() => config.find(0x100)).toThrow(withCode('ERR_VFIO_RANGE'));
});
