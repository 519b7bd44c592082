// SPDX-License-Identifier: MIT
// The objects on which an operation runs: a container with one of everything, over type1 and a fake kernel.
import {
  Container,
  type Device,
  type DmaBuffer,
  type Group,
  type Interrupt,
  type InterruptSet,
  type Region,
} from '../../../lib/index.js';

/** The devices of the fake kernel (test/native/fake_kernel.h). */
export const address = '0000:01:00.0';
export const mate = '0000:01:00.1';
export const elsewhere = '0000:02:00.0';
export const groupId = 12;
export const page = 4096;

/** The objects that exist before the operation. */
export type Beginning = 'nothing' | 'a container' | 'everything';

interface Closable {
  close(): unknown;
}

export class Scene {
  readonly #kept: Closable[] = [];
  // Each of these is set if the beginning includes it.
  container!: Container;
  group!: Group;
  device!: Device;
  /** A region that is mapped. */
  bar!: Region;
  /** A region that is not mapped: each access is a read or write of the descriptor. */
  plain!: Region;
  interrupts!: InterruptSet;
  vector!: Interrupt;
  buffer!: DmaBuffer;

  static async open(beginning: Beginning): Promise<Scene> {
    const scene = new Scene();
    if (beginning === 'nothing') return scene;
    scene.container = await Container.open();
    if (beginning === 'everything') await scene.#openAll();
    return scene;
  }

  /** Keeps the object that the operation opens, and closes it at the end. */
  async keep<T extends Closable>(opening: Promise<T>): Promise<T> {
    const opened = await opening;
    this.#kept.push(opened);
    return opened;
  }

  async close(): Promise<void> {
    for (const kept of this.#kept.reverse()) await kept.close();
    await this.container?.close();
  }

  async #openAll(): Promise<void> {
    this.group = await this.container.openGroup(groupId);
    this.device = await this.group.openDevice(address);
    this.bar = this.device.bar(0);
    this.plain = this.device.bar(4);
    this.device.busMaster = true;
    this.interrupts = this.device.enableInterrupts('msix', { count: 2 });
    this.vector = this.interrupts.vector(0);
    this.buffer = this.device.allocDma(2 * page);
  }
}
