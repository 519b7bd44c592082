// SPDX-License-Identifier: MIT
// Drives QEMU's edu in tests: it answers, interrupts and moves memory. QEMU documents the registers in
// docs/specs/edu.txt.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Device } from '../../lib/index.js';

/** The offsets of its registers in BAR 0. */
export const reg = {
  identification: 0x00,
  liveness: 0x04,
  factorial: 0x08,
  status: 0x20,
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

/** The device's own memory of 4 KiB, at the address that its DMA engine uses for it. */
const ownMemory = 0x4_0000n;

/** The value of the identification register. */
export const eduIdentification = 0x0100_00ed;

/** The registers that toggles.ts uses. The liveness register reads the inverse of what was written. */
export const eduRegisters = {
  constant: reg.identification,
  value: eduIdentification,
  doorbell: reg.liveness,
  echo: (written: number) => ~written >>> 0,
};

/** An edu whose answers tests can check. */
export class Edu {
  readonly #device: Device;

  constructor(device: Device) {
    this.#device = device;
  }

  get identification(): number {
    return this.#device.bar(0).read32(reg.identification);
  }

  /** Writes a word to the liveness register, and returns what the register reads then: the inverted word. */
  invert(word: number): number {
    this.#device.bar(0).write32(reg.liveness, word);
    return this.#device.bar(0).read32(reg.liveness);
  }

  /** Raises the device's interrupt. `bits` stay set in its status until they are acknowledged. */
  raise(bits: number): void {
    this.#device.bar(0).write32(reg.interruptRaise, bits);
  }

  /** Lowers the interrupt and returns the bits that were raised. */
  acknowledge(): number {
    const bits = this.#device.bar(0).read32(reg.interruptStatus);
    this.#device.bar(0).write32(reg.interruptAcknowledge, bits);
    return bits;
  }

  /** Makes the device copy memory at `iova` into its own memory. */
  load(iova: bigint, bytes: number): Promise<void> {
    this.#startDma(iova, ownMemory, bytes, start);
    return this.idle();
  }

  /** Makes the device copy its own memory to `iova`. */
  store(iova: bigint, bytes: number): Promise<void> {
    this.startStore(iova, bytes);
    return this.idle();
  }

  /** Returns the bytes that the device reads at an address. The device copies them to a temporary buffer. */
  async read(iova: bigint, bytes: number): Promise<Uint8Array> {
    using seen = this.#device.allocDma(4096);
    await this.load(iova, bytes);
    await this.store(seen.iova, bytes);
    return seen.u8.slice(0, bytes);
  }

  /** Makes the device write bytes to an address. */
  async write(iova: bigint, bytes: Uint8Array): Promise<void> {
    using source = this.#device.allocDma(4096);
    source.copyFrom(bytes);
    await this.load(source.iova, bytes.length);
    await this.store(iova, bytes.length);
  }

  /** Begins {@link store} and does not wait. The device waits about 100 ms before it moves anything. */
  startStore(iova: bigint, bytes: number): void {
    this.#startDma(ownMemory, iova, bytes, start | toMemory);
  }

  /** Resolves when no transfer is in progress. Until then, the device accepts no other transfer. */
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
