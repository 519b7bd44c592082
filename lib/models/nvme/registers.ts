// SPDX-License-Identifier: MIT
// The registers of BAR 0: what reads return and writes change (NVMe Base Specification 2.0, 3.1.3).
import { VERSION } from './identify.js';
import type { Settings } from './options.js';
import type { AdminQueues, EntrySizes } from './queues.js';

/** Offsets. 64-bit registers have two halves of 32 bits. */
export const Offset = {
  CAP: 0x00,
  VS: 0x08,
  INTMS: 0x0c,
  INTMC: 0x10,
  CC: 0x14,
  CSTS: 0x1c,
  NSSR: 0x20,
  AQA: 0x24,
  ASQ: 0x28,
  ACQ: 0x30,
  CRTO: 0x68,
} as const;

/** Doorbells start here. */
export const DOORBELLS = 0x1000;

/** What writes cause. */
export interface RegisterActions {
  enable(): void;
  disable(): void;
  shutdown(): void;
  subsystemReset(): void;
  /** A write to an offset from {@link DOORBELLS} on. */
  ring(offset: number, value: number): void;
  /** What a read from there returns. */
  doorbell(offset: number): number;
}

/** What INTMS and INTMC change. */
export interface InterruptMask {
  mask: number;
}

const CC_EN = 1;
const CC_SHN = 3 << 14;
const CC_MPS = 0xf << 7;
const CC_CSS = 7 << 4;
const CC_AMS = 7 << 11;
const CSTS_NSSRO = 1 << 4;
/** NSSR: "NVMe". */
const SUBSYSTEM_RESET = 0x4e56_4d65;
const AQA_WRITABLE = 0x0fff_0fff;

/** Shutdown Status. */
export const Shst = { NORMAL: 0, OCCURRING: 1, COMPLETE: 2 } as const;

export class RegisterFile {
  ready = false;
  fatal = false;
  shutdownStatus: number = Shst.NORMAL;
  /** CSTS.NSSRO: a subsystem reset has occurred. */
  subsystemWasReset = false;
  readonly #cap: bigint;
  readonly #crto: number;
  readonly #actions: RegisterActions;
  readonly #interrupts: InterruptMask;
  #cc = 0;
  #aqa = 0;
  /** The halves of ASQ and ACQ. */
  readonly #bases = new Uint32Array(4);

  constructor(settings: Settings, actions: RegisterActions, interrupts: InterruptMask) {
    this.#cap = capabilities(settings);
    this.#crto = settings.readyTimeout;
    this.#actions = actions;
    this.#interrupts = interrupts;
  }

  get enabled(): boolean {
    return (this.#cc & CC_EN) !== 0;
  }

  get entrySizes(): EntrySizes {
    return { submission: (this.#cc >>> 16) & 0xf, completion: (this.#cc >>> 20) & 0xf };
  }

  /** The admin queues, or undefined if these settings do not allow the controller to start. */
  get adminQueues(): AdminQueues | undefined {
    const [asqLow, asqHigh, acqLow, acqHigh] = this.#bases as unknown as number[];
    const submissionBase = join(asqLow as number, asqHigh as number);
    const completionBase = join(acqLow as number, acqHigh as number);
    const submissionEntries = (this.#aqa & 0xfff) + 1;
    const completionEntries = (this.#aqa >>> 16) + 1;
    const unsupported = this.#cc & (CC_MPS | CC_CSS | CC_AMS);
    if (unsupported !== 0 || submissionEntries < 2 || completionEntries < 2) return undefined;
    return { submissionBase, submissionEntries, completionBase, completionEntries };
  }

  /** A reset of the function: all registers have their first values. */
  reset(): void {
    this.#cc = 0;
    this.#aqa = 0;
    this.#bases.fill(0);
    this.ready = false;
    this.fatal = false;
    this.shutdownStatus = Shst.NORMAL;
    this.subsystemWasReset = false;
  }

  read32(offset: number): number {
    if (offset >= DOORBELLS) return this.#actions.doorbell(offset);
    switch (offset) {
      case Offset.CAP:
        return Number(this.#cap & 0xffff_ffffn);
      case Offset.CAP + 4:
        return Number(this.#cap >> 32n);
      case Offset.VS:
        return VERSION;
      case Offset.INTMS:
      case Offset.INTMC:
        return this.#interrupts.mask;
      case Offset.CC:
        return this.#cc;
      case Offset.CSTS:
        return this.#csts;
      case Offset.AQA:
        return this.#aqa;
      case Offset.CRTO:
        return this.#crto;
      default:
        return isBase(offset) ? (this.#bases[(offset - Offset.ASQ) / 4] as number) : 0;
    }
  }

  write32(offset: number, value: number): void {
    if (offset >= DOORBELLS) {
      this.#actions.ring(offset, value);
      return;
    }
    switch (offset) {
      case Offset.INTMS:
        this.#interrupts.mask |= value;
        return;
      case Offset.INTMC:
        this.#interrupts.mask &= ~value;
        return;
      case Offset.CC:
        this.#configure(value);
        return;
      case Offset.CSTS:
        if ((value & CSTS_NSSRO) !== 0) this.subsystemWasReset = false;
        return;
      case Offset.NSSR:
        if (value === SUBSYSTEM_RESET) this.#actions.subsystemReset();
        return;
      case Offset.AQA:
        this.#aqa = value & AQA_WRITABLE;
        return;
      default:
        if (isBase(offset))
          this.#bases[(offset - Offset.ASQ) / 4] = withoutPageOffset(offset, value);
    }
  }

  get #csts(): number {
    const fatal = this.fatal ? 2 : 0;
    const subsystem = this.subsystemWasReset ? CSTS_NSSRO : 0;
    return (this.ready ? 1 : 0) | fatal | (this.shutdownStatus << 2) | subsystem;
  }

  #configure(cc: number): void {
    const before = this.#cc;
    this.#cc = cc >>> 0;
    const changed = before ^ cc;
    if ((changed & CC_EN) !== 0) {
      if ((cc & CC_EN) !== 0) this.#actions.enable();
      else this.#actions.disable();
    }
    if ((changed & CC_SHN) !== 0 && (cc & CC_SHN) !== 0) this.#actions.shutdown();
  }
}

/** CAP (3.1.3.1): pages of 4 KiB, contiguous queues, the NVM command set, subsystem reset, CRTO. */
function capabilities({ queueEntries, readyTimeout, doorbellStride }: Settings): bigint {
  const contiguous = 1n << 16n;
  const timeout = BigInt(readyTimeout) << 24n;
  const stride = BigInt(doorbellStride) << 32n;
  const subsystemReset = 1n << 36n;
  const nvm = 1n << 37n;
  const readyWithMedia = 1n << 59n;
  const entries = BigInt(queueEntries - 1);
  return entries | contiguous | timeout | stride | subsystemReset | nvm | readyWithMedia;
}

function isBase(offset: number): boolean {
  return offset >= Offset.ASQ && offset < Offset.ACQ + 8;
}

/** Bits 11:0 of ASQ and ACQ are reserved. */
function withoutPageOffset(offset: number, value: number): number {
  return offset % 8 === 0 ? value & ~0xfff : value;
}

function join(low: number, high: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}
