// SPDX-License-Identifier: MIT
// openDevice: opens a device by its address, by default in a container of its own.
import { adoptOwner, Container, type Device } from './container.js';
import { awaitOpen } from './diagnose/open.js';
import { loadNative } from './internal/load-native.js';
import { startOpening } from './internal/opening.js';
import { ours } from './internal/ours.js';
import { expected } from './internal/validate.js';
import { checkOpenOptions, type OpenDeviceOptions } from './open-options.js';
import { parseAddress } from './pci.js';

/** The options of {@link openDevice}. */
export interface OpenOptions extends OpenDeviceOptions {
  /**
   * The container to open the device in. Without it, the device gets a container of its own, which is closed
   * with the device.
   */
  container?: Container | undefined;
}

/**
 * Opens a device. `address` is like `0000:01:00.0` or `01:00.0`. The device must be bound to vfio-pci: see
 * {@link bindDevice}. Close it with {@link Device.close} or `await using`. Rejects as {@link Container.open}
 * and {@link Container.openDevice} do, and with a TypeError if an option is wrong.
 */
export async function openDevice(address: string, options: OpenOptions = {}): Promise<Device> {
  const full = parseAddress(address);
  const checked = checkOpenOptions('openDevice', options, 'container');
  const { container, ...asked } = checked;
  if (container === undefined) {
    return startOpening(() => openAlone(full, asked), { signal: asked.signal }).result;
  }
  if (!(container instanceof Container)) throw expected('a Container', 'container', container);
  return container.openDevice(full, asked);
}

async function openAlone(
  address: string,
  { requestGrace, addressBits = 64, vfToken }: OpenDeviceOptions,
): Promise<Device> {
  const addon = loadNative();
  const request = { address, addressBits, vfToken };
  const opened = await awaitOpen(() => addon.openDevice(request), request);
  const container = new Container(ours, addon, opened.container);
  try {
    return await adoptOwner(container, opened.device, { requestGrace, addressBits });
  } catch (failure) {
    await container.close();
    throw failure;
  }
}
