// SPDX-License-Identifier: MIT
// What tests do with QEMU's edu: let it answer, interrupt, and move memory. QEMU has its registers in
// docs/specs/edu.txt.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Device } from '../../lib/index.js';

const reg = {
  identification: 0x00,
  liveness: 0x04,
  interruptStatus: 0x24,
  interruptRaise: 0x60,
  interruptAcknowledge: 0x64,
  dmaSource: 0x80,
  dmaDestination: 0x88,
  dmaCount: 0x90,
  dmaCommand: 0x98,
};

const start = 1;
const toMemory = 2;

/** The device's own memory, 4 KiB of it, as its DMA engine addresses it. */
const ownMemory = 0x4_0000n;

/** What the identification register reads. */
export const eduIdentification = 0x0100_00ed;

/** What toggles.ts reads and writes of it: the liveness register reads the inverse of what was written. */
export const eduRegisters = {
  constant: reg.identification,
  value: eduIdentification,
  doorbell: reg.liveness,
  echo: (written: number) => ~written >>> 0,
};

/** The values of some registers that reads can be checked against. */
export class Edu {
  readonly #device: Device;

  constructor(device: Device) {
    this.#device = device;
  }

  get identification(): number {
    return this.#device.bar(0).read32(reg.identification);
  }

  /** Writes a word to the liveness register and gives what it reads then: the word inverted. */
  invert(word: number): number {
    this.#device.bar(0).write32(reg.liveness, word);
    return this.#device.bar(0).read32(reg.liveness);
  }

  /** Raises the device's interrupt; `bits` stand in its status until they are acknowledged. */
  raise(bits: number): void {
    this.#device.bar(0).write32(reg.interruptRaise, bits);
  }

  /** Lowers the interrupt and gives the bits that were raised. */
  acknowledge(): number {
    const bits = this.#device.bar(0).read32(reg.interruptStatus);
    this.#device.bar(0).write32(reg.interruptAcknowledge, bits);
    return bits;
  }

  /** Has the device read memory at `iova` into its own. */
  load(iova: bigint, bytes: number): Promise<void> {
    this.#startDma(iova, ownMemory, bytes, start);
    return this.idle();
  }

  /** Has the device write memory at `iova` from its own. */
  store(iova: bigint, bytes: number): Promise<void> {
    this.startStore(iova, bytes);
    return this.idle();
  }

  /** What the device finds at an address: it carries that into a buffer of ours. */
  async read(iova: bigint, bytes: number): Promise<Uint8Array> {
    using seen = this.#device.allocDma(4096);
    await this.load(iova, bytes);
    await this.store(seen.iova, bytes);
    return seen.u8.slice(0, bytes);
  }

  /** Has the device write bytes to an address. */
  async write(iova: bigint, bytes: Uint8Array): Promise<void> {
    using source = this.#device.allocDma(4096);
    source.copyFrom(bytes);
    await this.load(source.iova, bytes.length);
    await this.store(iova, bytes.length);
  }

  /** Begins {@link store}. The device takes its time: about 100 ms pass before it moves anything. */
  startStore(iova: bigint, bytes: number): void {
    this.#startDma(ownMemory, iova, bytes, start | toMemory);
  }

  /** Resolves when no transfer is under way: until then it takes no other. */
  async idle(): Promise<void> {
    while ((this.#device.bar(0).read32(reg.dmaCommand) & start) !== 0) await sleep(5);
  }

  #startDma(source: bigint, destination: bigint, bytes: number, command: number): void {
    const bar = this.#device.bar(0);
    bar.write64(reg.dmaSource, source);
    bar.write64(reg.dmaDestination, destination);
    bar.write64(reg.dmaCount, BigInt(bytes));
    bar.write64(reg.dmaCommand, BigInt(command));
  }
}
