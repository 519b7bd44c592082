// SPDX-License-Identifier: MIT
// The event loop keeps running during slow kernel operations, and accesses during them fail at once.
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type Device, openDevice } from '../../lib/index.js';
import { useMachine } from '../../tools/testing-addon.js';
import { LAG_LIMIT_MS, lagDuring } from '../support/lag.js';

const address = '0000:0d:00.0';
const mate = '0000:0d:00.1';
const bars = [{ size: 0x1000 }, { size: 0x1000, mappable: false }];
const machine = useMachine(
  { address, group: 130, bars, slot: 1 },
  { address: mate, group: 130, bars, slot: 1 },
);
const hardware = machine.device(address);

let device: Device;
let neighbour: Device;

beforeEach(async () => {
  device = await openDevice(address);
  neighbour = await openDevice(mate);
});
afterEach(async () => {
  hardware.resetting.delay(0);
  hardware.closing.delay(0);
  await Promise.all([device.close(), neighbour.close()]);
});

/** How long each kernel operation takes: more than the event loop may stand still. */
const delay = 2 * LAG_LIMIT_MS;

const slow: [string, () => Promise<void>, () => Device, string][] = [
  ['a reset', () => device.reset(), () => device, 'ERR_VFIO_BUSY'],
  ['a hot reset', () => device.hotReset(), () => device, 'ERR_VFIO_BUSY'],
  ["another device's hot reset", () => device.hotReset(), () => neighbour, 'ERR_VFIO_BUSY'],
  ['a close', () => device.close(), () => device, 'ERR_VFIO_CLOSED'],
];

test.each(slow)('F2/ %s leaves the loop free, and accesses fail', async (_, work, used, code) => {
  const bar = used().bar(0);
  const other = used().bar(1);
  hardware.resetting.delay(delay);
  hardware.closing.delay(delay);
  const { lag, outcomes } = await lagDuring(work, () => {
    other.read32(0);
    bar.write32(0, bar.read32(0));
  });
  expect(lag).toBeLessThan(LAG_LIMIT_MS);
  expect(outcomes[code]).toBeGreaterThan(10);
  expect(Object.keys(outcomes).filter((outcome) => ![code, 'fine'].includes(outcome))).toEqual([]);
});
