// SPDX-License-Identifier: MIT
// Turns the power of a slot off while a device is in it, and on again. Without power, the config space reads all ones,
// the registers do not answer, and the kernel is not told. When the power returns, the device has lost all its state.
import { readFileSync } from 'node:fs';
import type { VmDevice } from '../../vm/devices.js';
import { writeConfig } from '../../vm/host.js';
import { sysfs } from './sysfs.js';

/** PCI Express Base 4.0, 7.5.3.10: Slot Control, with the power indicator and the power controller. */
const SLOT_CONTROL = 0x18;
const INDICATOR = 0x0300;
const INDICATOR_ON = 0x0100;
const POWER_OFF = 0x0400;
const PCI_EXPRESS = 0x10;

export class SlotPower {
  readonly #port: string;
  readonly #offset: number;
  readonly #on: number;

  /** Controls the slot below this port. */
  constructor(port: VmDevice) {
    const config = readFileSync(sysfs(port, 'config'));
    this.#port = port.address;
    this.#offset = capability(config, PCI_EXPRESS) + SLOT_CONTROL;
    // If the power indicator were off too, QEMU would unplug the device.
    const control = config.readUInt16LE(this.#offset) & ~(INDICATOR | POWER_OFF);
    this.#on = control | INDICATOR_ON;
  }

  off(): Promise<void> {
    return writeConfig(this.#port, this.#offset, this.#on | POWER_OFF);
  }

  on(): Promise<void> {
    return writeConfig(this.#port, this.#offset, this.#on);
  }
}

function capability(config: Buffer, wanted: number): number {
  let offset = config[0x34] ?? 0;
  while (offset !== 0 && config[offset] !== wanted) offset = config[offset + 1] ?? 0;
  if (offset === 0) throw new Error(`there is no capability 0x${wanted.toString(16)}`);
  return offset;
}
