// SPDX-License-Identifier: MIT
// NvmeModel: an NVMe controller as a program sees it on its bus. It knows no transport.

import { checkFault, Faults, isAtOnce } from './armed-faults.js';
import { Controller } from './controller.js';
import { barBytes, doorbellAt } from './doorbells.js';
import type { DeviceFault, NvmeFault, NvmeInjection, NvmeStateChange } from './faults.js';
import type { NvmeHost } from './host.js';
import { Interrupts } from './interrupts.js';
import type { NvmeNamespaces } from './namespaces.js';
import { type NvmeModelOptions, type Settings, settingsOf } from './options.js';
import { type RegisterActions, RegisterFile, Shst } from './registers.js';
import { Timers } from './timers.js';

const ALL_ONES = 0xffff_ffff;

/**
 * An NVMe controller (NVMe Base Specification 2.0) that executes the commands of a driver, and fails on demand. It
 * handles each access to its registers completely before the access returns: a write to a doorbell executes the new
 * commands, writes their completions and raises the interrupts.
 *
 * Pass the driver's accesses to BAR 0 to {@link read32}, {@link read64}, {@link write32} and {@link write64}, and
 * resets of the function to {@link reset}. Everything that the model itself needs is in its {@link NvmeHost}.
 */
export class NvmeModel {
  /** The size of BAR 0, in bytes. */
  readonly barBytes: number;
  /** How many interrupt vectors the function has. */
  readonly vectors: number;
  readonly #settings: Settings;
  readonly #controller: Controller;
  readonly #interrupts: Interrupts;
  readonly #registers: RegisterFile;
  readonly #faults = new Faults();
  readonly #changes = new Timers();
  readonly #outages = new Timers();
  #removed = false;
  /** Whether the registers read all ones and drop writes. */
  #unreachable = false;

  /** Throws a RangeError for options that a controller could not have. */
  constructor(host: NvmeHost, options: NvmeModelOptions = {}) {
    const settings = settingsOf(options);
    this.#settings = settings;
    this.#interrupts = new Interrupts(host);
    this.#registers = new RegisterFile(settings, this.#actions(), this.#interrupts);
    this.#controller = new Controller({
      settings,
      host,
      interrupts: this.#interrupts,
      faults: this.#faults,
      entrySizes: () => this.#registers.entrySizes,
      failed: () => this.#fail(),
      deviceFault: (fault) => this.#happen(fault),
    });
    for (const each of settings.namespaces) this.namespaces.add(each);
    this.barBytes = barBytes(settings);
    this.vectors = settings.vectors;
  }

  /** The namespaces. A change is reported to the driver, if it asked for such events. */
  get namespaces(): NvmeNamespaces {
    return this.#controller.namespaces;
  }

  /** Whether the device was pulled out. */
  get removed(): boolean {
    return this.#removed;
  }

  /** Whether the registers read all ones: the device was pulled out, or its link is down. */
  get unreachable(): boolean {
    return this.#unreachable;
  }

  /** Reads 32 bits of BAR 0 at an aligned offset, in bytes. Doorbells read as their current position. */
  read32(offset: number): number {
    return this.#unreachable ? ALL_ONES : this.#registers.read32(offset);
  }

  /** Reads 64 bits at an aligned offset: the low half first. */
  read64(offset: number): bigint {
    const low = BigInt(this.read32(offset));
    return low | (BigInt(this.read32(offset + 4)) << 32n);
  }

  /** Writes 32 bits of BAR 0 at an aligned offset, in bytes. Reserved and read-only registers ignore it. */
  write32(offset: number, value: number): void {
    if (!this.#unreachable) this.#registers.write32(offset, value);
  }

  /** Writes 64 bits at an aligned offset: the low half first. */
  write64(offset: number, value: bigint): void {
    this.write32(offset, Number(value & 0xffff_ffffn));
    this.write32(offset + 4, Number((value >> 32n) & 0xffff_ffffn));
  }

  /** A reset of the function: the controller is disabled, and all registers have their first values. */
  reset(): void {
    this.#changes.clear();
    this.#controller.stop();
    this.#registers.reset();
  }

  /**
   * Injects a fault. The promise resolves when the fault is armed, or has happened if it happens at once. Rejects with
   * a RangeError for a fault that cannot happen.
   */
  async inject(fault: NvmeFault): Promise<NvmeInjection> {
    checkFault(fault);
    if (!isAtOnce(fault)) return this.#faults.arm(fault);
    this.#happen(fault);
    const isOutage = fault.fault === 'all-ones';
    return { hits: 1, cancel: () => isOutage && this.#recover() };
  }

  /** Ends its timers, and closes the storage of its namespaces. Closing it again does nothing. */
  close(): void {
    this.reset();
    this.#outages.clear();
    this.namespaces.close();
  }

  #actions(): RegisterActions {
    return {
      enable: () => this.#enable(),
      disable: () => this.#disable(),
      shutdown: () => this.#shutdown(),
      subsystemReset: () => this.#resetSubsystem(),
      ring: (offset, value) => this.#ring(offset, value),
      doorbell: (offset) => {
        const name = doorbellAt(offset, this.#settings);
        return name === undefined ? 0 : this.#controller.doorbell(name);
      },
    };
  }

  #ring(offset: number, value: number): void {
    const name = doorbellAt(offset, this.#settings);
    if (name !== undefined) this.#controller.ring(name, value);
  }

  #enable(): void {
    const admin = this.#registers.adminQueues;
    if (admin === undefined) {
      this.#fail();
      return;
    }
    this.#change('enable', () => {
      this.#controller.start(admin);
      this.#registers.ready = true;
    });
  }

  #disable(): void {
    this.#controller.stop();
    this.#change('disable', () => {
      this.#registers.ready = false;
      this.#registers.fatal = false;
      this.#registers.shutdownStatus = Shst.NORMAL;
    });
  }

  /** Afterwards it accepts no commands until it is reset. */
  #shutdown(): void {
    this.#registers.shutdownStatus = Shst.OCCURRING;
    this.#change('shutdown', () => {
      this.#controller.halt();
      for (const nsid of this.namespaces.ids) this.namespaces.get(nsid)?.storage.flush();
      this.#registers.shutdownStatus = Shst.COMPLETE;
    });
  }

  #resetSubsystem(): void {
    this.reset();
    this.#registers.subsystemWasReset = true;
  }

  /** A change of state ends at once, unless a fault delays it. A newer change replaces it. */
  #change(kind: NvmeStateChange, end: () => void): void {
    this.#changes.clear();
    const fault = this.#faults.forChange(kind);
    if (fault === undefined) end();
    else if (fault.ms !== undefined) this.#changes.after(fault.ms, end);
  }

  #fail(): void {
    this.#registers.fatal = true;
    this.#controller.halt();
  }

  #happen(fault: DeviceFault): void {
    switch (fault.fault) {
      case 'fatal':
        this.#fail();
        return;
      case 'removed':
        this.reset();
        this.#outages.clear();
        this.#removed = true;
        this.#unreachable = true;
        return;
      case 'all-ones':
        this.#outages.clear();
        this.#unreachable = true;
        if (fault.ms !== undefined) this.#outages.after(fault.ms, () => this.#recover());
    }
  }

  #recover(): void {
    this.#outages.clear();
    this.#unreachable = this.#removed;
  }
}
