// SPDX-License-Identifier: MIT
// A device that is open for the tests of a group.
import { afterAll, beforeAll } from '@jest/globals';
import type { Device } from '../../lib/index.js';

/** A device that a test can close and open again. */
export class Held {
  device!: Device;
  readonly #open: () => Promise<Device>;

  constructor(open: () => Promise<Device>) {
    this.#open = open;
  }

  /** Closes the device if it is open, and opens it again. */
  async reopen(): Promise<void> {
    await this.device?.close();
    this.device = await this.#open();
  }
}

/**
 * Opens a device before the tests of this group and closes it after them. `prepare` registers the hooks that prepare
 * the device for opening, and that undo this after the device is closed.
 */
export function useOpen(prepare: () => void, open: () => Promise<Device>): Held {
  const held = new Held(open);
  afterAll(() => held.device.close());
  prepare();
  beforeAll(() => held.reopen());
  return held;
}
