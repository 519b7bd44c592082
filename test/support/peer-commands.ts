// SPDX-License-Identifier: MIT
// What a peer process can be told to do, one step at a time: see peer.ts. It keeps what it opens.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import * as vfio from '../../lib/index.js';
import { readDevice } from '../../lib/pci.js';
import { Edu } from './edu.js';

/** One process's part of a race for a device. */
export interface Turn {
  /** It bound the device itself, rather than finding it bound. */
  isOwn: boolean;
  /** What had the device while it was this process's. */
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

  /** Opens it in a container and by a group that were opened elsewhere. */
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

  /** Who it is in its user namespace, and what it may there, as /proc has it. */
  identity(): { uid: number | undefined; capabilities: string | undefined } {
    const status = readFileSync('/proc/self/status', 'utf8');
    return {
      uid: process.getuid?.(),
      capabilities: /^CapEff:\s+(\w+)$/m.exec(status)?.[1],
    };
  },

  /** Becomes an ordinary user for good, all threads of it. */
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

  /** Binds a device, looks for so long whether it stays bound, and gives it back: what it saw. */
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

  /** Has an edu carry what allocDma gave, filled with a byte, to behind itself; gives what arrived. */
  async copyInMemory(byte: number, bytes: number): Promise<Uint8Array> {
    if (memory === undefined) throw new Error('the peer has no memory');
    opened().busMaster = true;
    const edu = new Edu(opened());
    memory.u8.fill(byte, 0, bytes);
    await edu.load(memory.iova, bytes);
    await edu.store(memory.iova + BigInt(bytes), bytes);
    return memory.u8.slice(bytes, 2 * bytes);
  },

  /** Begins a transfer into memory that is mapped now and ends with the process. */
  startDma(): void {
    opened().busMaster = true;
    memory = opened().allocDma(4096);
    new Edu(opened()).startStore(memory.iova, 1024);
  },

  /** Has an edu take 1 KiB; gives the IOVA of memory to put it into by {@link startTransfer}. */
  async prepareTransfer(pattern: Uint8Array): Promise<bigint> {
    opened().busMaster = true;
    using source = opened().allocDma(4096);
    source.copyFrom(pattern);
    await new Edu(opened()).load(source.iova, pattern.length);
    memory = opened().allocDma(4096);
    return memory.iova;
  },

  /** Begins to write it there. */
  startTransfer(): void {
    new Edu(opened()).startStore((memory as vfio.DmaBuffer).iova, 1024);
  },

  /** Arms one vector, has the kernel raise it, and gives what arrived. */
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

  /** Has an edu raise what was armed before, and gives what arrived. */
  async raise(): Promise<number | undefined> {
    const arrived = armed?.vector(0).once({ timeout: 5000 });
    new Edu(opened()).raise(1);
    const count = await arrived;
    new Edu(opened()).acknowledge();
    return count;
  },

  /** Ends without closing anything, after this command has answered. */
  exit(): void {
    setImmediate(() => process.exit(0));
  },

  /** Ends by an exception that nobody catches, after this command has answered. */
  throw(): void {
    setImmediate(() => {
      throw new Error('nobody catches this');
    });
  },

  /** Lets go of the parent, so that the process ends when nothing else keeps it. */
  finish(): void {
    setImmediate(() => process.disconnect());
  },
};

export type Commands = typeof commands;
