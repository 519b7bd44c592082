// SPDX-License-Identifier: MIT
// The commands that a peer process can carry out, one at a time (see peer.ts). The peer keeps what it opens.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import * as vfio from '../../lib/index.js';
import { readDevice } from '../../lib/pci.js';
import { Edu } from './edu.js';

/** What one process observed in a race for a device. */
export interface Turn {
  /** Whether this process bound the device itself. Otherwise, it found the device bound. */
  isOwn: boolean;
  /** The drivers that the device had while this process had it bound. */
  drivers: (string | undefined)[];
}

let device: vfio.Device | undefined;
let memory: vfio.DmaBuffer | undefined;
let armed: vfio.InterruptSet | undefined;

function opened(): vfio.Device {
  if (device === undefined) throw new Error('the peer has no device open');
  return device;
}

export const commands = {
  async openDevice(address: string): Promise<number> {
    device = await vfio.openDevice(address);
    return device.info.deviceId;
  },

  /** Opens a device with the descriptors of a container and a group, which another process opened. */
  async openByDescriptors(
    address: string,
    container: number,
    group: { id: number; descriptor: number },
  ): Promise<number> {
    const space = await vfio.Container.open({ descriptor: container });
    await space.openGroup(group.id, { descriptor: group.descriptor });
    device = await space.openDevice(address);
    return device.info.deviceId;
  },

  async closeContainer(): Promise<void> {
    await opened().container.close();
  },

  /** The user ID and capabilities of the peer in its user namespace, from /proc. */
  identity(): { uid: number | undefined; capabilities: string | undefined } {
    const status = readFileSync('/proc/self/status', 'utf8');
    return {
      uid: process.getuid?.(),
      capabilities: /^CapEff:\s+(\w+)$/m.exec(status)?.[1],
    };
  },

  /** Turns all threads of the peer permanently into those of an ordinary user. */
  becomeUser(uid: number): void {
    process.setgroups?.([]);
    process.setgid?.(uid);
    process.setuid?.(uid);
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

  /**
   * Binds a device, watches for this long whether it stays bound, and restores its driver. Returns what it observed.
   */
  async takeTurn(address: string, milliseconds: number): Promise<Turn> {
    const binding = await vfio.bindDevice(address);
    const drivers = new Set<string | undefined>();
    const isOwn = binding.steps.length > 0;
    const end = performance.now() + milliseconds;
    do {
      if (isOwn) drivers.add(readDevice(address)?.driver);
      await sleep(1);
    } while (performance.now() < end);
    await binding.restore();
    return { isOwn, drivers: [...drivers] };
  },

  allocDma(bytes: number): bigint {
    memory = opened().allocDma(bytes);
    return memory.iova;
  },

  /** Frees the last buffer that allocDma returned. */
  freeDma(): void {
    memory?.close();
  },

  mappingsAvailable(): number | undefined {
    return opened().container.info.mappingsAvailable;
  },

  /** Works only if the device is an edu. */
  invert(word: number): number {
    return new Edu(opened()).invert(word);
  },

  /** Fills memory with a byte, makes an edu copy it there and back, and returns what arrived. */
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

  /**
   * Fills the start of the last allocDma buffer with a byte, and makes an edu copy it to the bytes behind. Returns what
   * arrived.
   */
  async copyInMemory(byte: number, bytes: number): Promise<Uint8Array> {
    if (memory === undefined) throw new Error('the peer has no memory');
    opened().busMaster = true;
    const edu = new Edu(opened());
    memory.u8.fill(byte, 0, bytes);
    await edu.load(memory.iova, bytes);
    await edu.store(memory.iova + BigInt(bytes), bytes);
    return memory.u8.slice(bytes, 2 * bytes);
  },

  /** Begins a transfer into memory that is mapped until the process ends. */
  startDma(): void {
    opened().busMaster = true;
    memory = opened().allocDma(4096);
    new Edu(opened()).startStore(memory.iova, 1024);
  },

  /** Makes an edu read a pattern. Returns the IOVA of the memory that {@link startTransfer} writes the pattern to. */
  async prepareTransfer(pattern: Uint8Array): Promise<bigint> {
    opened().busMaster = true;
    using source = opened().allocDma(4096);
    source.copyFrom(pattern);
    await new Edu(opened()).load(source.iova, pattern.length);
    memory = opened().allocDma(4096);
    return memory.iova;
  },

  /** Begins the transfer that {@link prepareTransfer} prepared. It has 1 KiB. */
  startTransfer(): void {
    new Edu(opened()).startStore((memory as vfio.DmaBuffer).iova, 1024);
  },

  /** Arms one vector, makes the kernel raise it, and returns what arrived. */
  async interrupt(type: vfio.InterruptType): Promise<number> {
    opened().busMaster = true;
    using set = opened().enableInterrupts(type);
    const arrived = set.vector(0).once({ timeout: 5000 });
    set.vector(0).trigger();
    return await arrived;
  },

  arm(type: vfio.InterruptType): void {
    opened().busMaster = true;
    armed = opened().enableInterrupts(type);
  },

  disarm(): void {
    armed?.close();
  },

  /** Makes an edu raise the interrupt that `arm` armed, and returns what arrived. */
  async raise(): Promise<number | undefined> {
    const arrived = armed?.vector(0).once({ timeout: 5000 });
    new Edu(opened()).raise(1);
    const count = await arrived;
    new Edu(opened()).acknowledge();
    return count;
  },

  /** Ends the process without closing anything, after this command has answered. */
  exit(): void {
    setImmediate(() => process.exit(0));
  },

  /** Ends the process with an uncaught exception, after this command has answered. */
  throw(): void {
    setImmediate(() => {
      throw new Error('nobody catches this');
    });
  },

  /** Disconnects from the parent, so that the process ends if nothing else keeps it running. */
  finish(): void {
    setImmediate(() => process.disconnect());
  },
};

export type Commands = typeof commands;
