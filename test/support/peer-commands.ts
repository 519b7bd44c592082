// SPDX-License-Identifier: MIT
// What a peer process can be told to do, one step at a time: see peer.ts. It keeps what it opens.
import * as vfio from '../../lib/index.js';
import { Edu } from './edu.js';

let device: vfio.Device | undefined;
let memory: vfio.DmaBuffer | undefined;

function opened(): vfio.Device {
  if (device === undefined) throw new Error('the peer has no device open');
  return device;
}

export const commands = {
  async openDevice(address: string): Promise<number> {
    device = await vfio.openDevice(address);
    return device.info.deviceId;
  },

  async closeDevice(): Promise<void> {
    await opened().close();
  },

  async reset(): Promise<void> {
    await opened().reset();
  },

  async bindDevice(address: string): Promise<void> {
    await vfio.bindDevice(address);
  },

  allocDma(bytes: number): bigint {
    memory = opened().allocDma(bytes);
    return memory.iova;
  },

  /** Frees what allocDma gave last. */
  freeDma(): void {
    memory?.close();
  },

  mappingsAvailable(): number | undefined {
    return opened().container.info.mappingsAvailable;
  },

  /** Only where the device is an edu. */
  invert(word: number): number {
    return new Edu(opened()).invert(word);
  },

  /** Fills memory with a byte, has an edu carry it there and back, and gives what arrived. */
  async copyByDma(byte: number, bytes: number): Promise<Uint8Array> {
    opened().busMaster = true;
    const edu = new Edu(opened());
    using sent = opened().allocDma(4096);
    using received = opened().allocDma(4096);
    sent.u8.fill(byte);
    await edu.load(sent.iova, bytes);
    await edu.store(received.iova, bytes);
    return received.u8.slice(0, bytes);
  },

  /** Begins a transfer into memory that is mapped now and ends with the process. */
  startDma(): void {
    opened().busMaster = true;
    memory = opened().allocDma(4096);
    new Edu(opened()).startStore(memory.iova, 1024);
  },

  /** Arms one vector, has the kernel raise it, and gives what arrived. */
  async interrupt(type: vfio.InterruptType): Promise<number> {
    opened().busMaster = true;
    using set = opened().enableInterrupts(type);
    const arrived = set.vector(0).once({ timeout: 5000 });
    set.vector(0).trigger();
    return await arrived;
  },

  /** Ends without closing anything, after this command has answered. */
  exit(): void {
    setImmediate(() => process.exit(0));
  },

  /** Lets go of the parent, so that the process ends when nothing else keeps it. */
  finish(): void {
    setImmediate(() => process.disconnect());
  },
};

export type Commands = typeof commands;
