// SPDX-License-Identifier: MIT
// The devices of the mixed load, an NVMe controller and an edu: opened, lost and opened again.
import { Controller } from '../../lib/nvme/controller.js';
import {
  type Binding,
  bindDevice,
  type Device,
  type DmaBuffer,
  openDevice,
} from '../../lib/index.js';
import { edu, nvme, pair } from '../../vm/devices.js';
import { CHUNK_BYTES } from './stamped-disk.js';

/** How many reads and writes are in progress at once. */
export const LANES = 4;

export class Rig implements AsyncDisposable {
  readonly #bindings = new Map<string, Binding>();
  edu!: Device;
  eduMemory!: DmaBuffer;
  nvme!: Device;
  controller!: Controller;
  nvmeMemory!: DmaBuffer;

  static async open(): Promise<Rig> {
    const rig = new Rig();
    for (const { address } of [edu, pair[0]]) rig.#bindings.set(address, await bindDevice(address));
    rig.edu = await openDevice(edu.address);
    rig.edu.busMaster = true;
    rig.eduMemory = rig.edu.allocDma(4096);
    await rig.openNvme();
    return rig;
  }

  async openNvme(): Promise<void> {
    this.#bindings.set(nvme.address, await bindDevice(nvme.address));
    this.nvme = await openDevice(nvme.address);
    this.nvmeMemory = this.nvme.allocDma(LANES * CHUNK_BYTES);
    await this.openController();
  }

  async openController(): Promise<void> {
    this.controller = await Controller.open(this.nvme);
  }

  async closeNvme(): Promise<void> {
    await this.controller.close();
    await this.nvme.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeNvme();
    await this.edu.close();
    for (const binding of [...this.#bindings.values()].reverse()) await binding.restore();
  }
}
