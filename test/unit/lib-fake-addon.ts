// SPDX-License-Identifier: MIT
// A fake of the addon's module, which a test names in VFIO_BINARY.
import type { Native } from '../../lib/native.js';
import { FakeNative } from './lib-fake-native.js';

let fake = new FakeNative();

/** Replaces the fake that the functions below use by a new one, and returns it. */
export function renew(): FakeNative {
  fake = new FakeNative();
  return fake;
}

export const openContainer: Native['openContainer'] = () => fake.openContainer();
export const openDevice: Native['openDevice'] = (request) => fake.openDevice(request);
export const adopt: Native['adopt'] = (token) => fake.adopt(token);
export const read8: Native['read8'] = (handle, offset) => fake.read8(handle, offset);
export const read16: Native['read16'] = (handle, offset) => fake.read16(handle, offset);
export const read32: Native['read32'] = (handle, offset) => fake.read32(handle, offset);
