// SPDX-License-Identifier: MIT
// The controller's registers, named as in the NVM Express Base Specification 2.0, 3.1.3.

/** One register: its offset, its width, and its long name in the specification. */
export interface Register {
  readonly at: number;
  readonly bits: 32 | 64;
  readonly name: string;
}

export const REGISTERS = {
  CAP: { at: 0x00, bits: 64, name: 'Controller Capabilities' },
  VS: { at: 0x08, bits: 32, name: 'Version' },
  INTMS: { at: 0x0c, bits: 32, name: 'Interrupt Mask Set' },
  INTMC: { at: 0x10, bits: 32, name: 'Interrupt Mask Clear' },
  CC: { at: 0x14, bits: 32, name: 'Controller Configuration' },
  CSTS: { at: 0x1c, bits: 32, name: 'Controller Status' },
  NSSR: { at: 0x20, bits: 32, name: 'NVM Subsystem Reset' },
  AQA: { at: 0x24, bits: 32, name: 'Admin Queue Attributes' },
  ASQ: { at: 0x28, bits: 64, name: 'Admin Submission Queue Base Address' },
  ACQ: { at: 0x30, bits: 64, name: 'Admin Completion Queue Base Address' },
} as const satisfies Record<string, Register>;

export type RegisterName = keyof typeof REGISTERS;

/** Highest and lowest bit. */
export type Field = readonly [high: number, low: number];

export const CAP = {
  /** Maximum Queue Entries Supported, 0's based. */
  MQES: [15, 0],
  /** Contiguous Queues Required. */
  CQR: [16, 16],
  /** Timeout: the longest time until CSTS.RDY changes, in units of 500 ms. */
  TO: [31, 24],
  /** Doorbell Stride: 2 ^ (2 + DSTRD) bytes. */
  DSTRD: [35, 32],
  /** Command Sets Supported, bit 0: the NVM command set. */
  CSS_NVM: [37, 37],
  /** Memory Page Size Minimum: 2 ^ (12 + MPSMIN) bytes. */
  MPSMIN: [51, 48],
  /** Memory Page Size Maximum. */
  MPSMAX: [55, 52],
} as const satisfies Record<string, Field>;

export const VS = {
  MJR: [31, 16],
  MNR: [15, 8],
  TER: [7, 0],
} as const satisfies Record<string, Field>;

export const CC = {
  /** Enable. */
  EN: [0, 0],
  /** I/O Command Set Selected. */
  CSS: [6, 4],
  /** Memory Page Size: 2 ^ (12 + MPS) bytes. */
  MPS: [10, 7],
  /** Arbitration Mechanism Selected. */
  AMS: [13, 11],
  /** Shutdown Notification. */
  SHN: [15, 14],
  /** I/O Submission Queue Entry Size, a power of two. */
  IOSQES: [19, 16],
  /** I/O Completion Queue Entry Size, a power of two. */
  IOCQES: [23, 20],
} as const satisfies Record<string, Field>;

export const CSTS = {
  /** Ready. */
  RDY: [0, 0],
  /** Controller Fatal Status. */
  CFS: [1, 1],
  /** Shutdown Status. */
  SHST: [3, 2],
} as const satisfies Record<string, Field>;

export const AQA = {
  /** Admin Submission Queue Size, 0's based. */
  ASQS: [11, 0],
  /** Admin Completion Queue Size, 0's based. */
  ACQS: [27, 16],
} as const satisfies Record<string, Field>;

/** CC.SHN: a normal shutdown. */
export const SHN_NORMAL = 1;
/** CSTS.SHST: shutdown processing is complete. */
export const SHST_COMPLETE = 2;

/** The value of a field of a register. */
export function field(value: number | bigint, [high, low]: Field): number {
  return Number(BigInt.asUintN(high - low + 1, BigInt(value) >> BigInt(low)));
}

/** Makes the value of a 32-bit register from its fields: `compose([CC.EN, 1], [CC.IOSQES, 6])`. */
export function compose(...fields: (readonly [field: Field, value: number])[]): number {
  return fields.reduce((sum, [[high, low], value]) => {
    if (value < 0 || value >= 2 ** (high - low + 1)) {
      throw new RangeError(`Expected a value of bits ${high}:${low} but received ${value}`);
    }
    return sum + value * 2 ** low;
  }, 0);
}

/** The offsets of the doorbells of queue pair `qid` (NVMe over PCIe Transport 1.0, 3.1.2). */
export function doorbells(qid: number, dstrd: number): { tail: number; head: number } {
  const stride = 4 << dstrd;
  return { tail: 0x1000 + 2 * qid * stride, head: 0x1000 + (2 * qid + 1) * stride };
}

/** The space that contains the registers: a BAR, or a substitute in a test. */
export interface RegisterSpace {
  read32(offset: number): number;
  read64(offset: number): bigint;
  write32(offset: number, value: number): void;
}

/** The registers by name. Each access blocks for as long as its PCIe transaction takes. */
export class Registers {
  readonly #space: RegisterSpace;

  constructor(space: RegisterSpace) {
    this.#space = space;
  }

  read(name: RegisterName): number | bigint {
    const { at, bits } = REGISTERS[name];
    return bits === 64 ? this.#space.read64(at) : this.#space.read32(at);
  }

  write(name: RegisterName, value: number): void {
    this.#space.write32(REGISTERS[name].at, value);
  }

  /** Makes two 32-bit writes, which the specification allows for a 64-bit register (3.1.1). */
  write64(name: RegisterName, low: number, high: number): void {
    const { at } = REGISTERS[name];
    this.#space.write32(at, low);
    this.#space.write32(at + 4, high);
  }

  /** Reads one field of a register. */
  get(name: RegisterName, which: Field): number {
    return field(this.read(name), which);
  }
}
