// SPDX-License-Identifier: MIT
// Stand-ins for the memory, registers and doorbells that the NVMe driver gets from the library.
import type { RegisterSpace } from '../../lib/index.js';
import { type Done, type Doorbells, QueuePair } from '../../lib/nvme/queue.js';

/** Ordinary memory that a device would see at `address`. */
export class FakeMemory {
  readonly u32: Uint32Array;

  constructor(
    readonly byteLength: number,
    readonly address: bigint,
  ) {
    this.u32 = new Uint32Array(byteLength / 4);
  }

  low(offset: number): number {
    return Number((this.address + BigInt(offset)) & 0xffff_ffffn);
  }

  high(offset: number): number {
    return Number((this.address + BigInt(offset)) >> 32n);
  }

  /** The 64-bit word at `offset`, as a device would read it. */
  word(offset: number): bigint {
    const [low, high] = this.u32.subarray(offset / 4, offset / 4 + 2);
    return (BigInt(high as number) << 32n) | BigInt(low as number);
  }
}

/** Records the values that were written to the doorbells. */
export class FakeDoorbells implements Doorbells {
  readonly tails: number[] = [];
  readonly heads: number[] = [];
  readonly tail = { write: (value: number) => void this.tails.push(value) };
  readonly head = { write: (value: number) => void this.heads.push(value) };
}

/** A queue pair over ordinary memory, and the device's side of its rings. */
export class FakeQueue {
  readonly sq: FakeMemory;
  readonly cq: FakeMemory;
  readonly doorbells = new FakeDoorbells();
  readonly queue: QueuePair;
  #tail = 0;
  #phase = 1;

  constructor(readonly entries: number) {
    this.sq = new FakeMemory(entries * 64, 0x10_0000n);
    this.cq = new FakeMemory(entries * 16, 0x20_0000n);
    const { sq, cq, doorbells } = this;
    this.queue = new QueuePair({ id: 1, entries, sq, cq, doorbells });
  }

  /** Submits an arbitrary command; returns its identifier. */
  submit(done: Done, opcode = 2): number {
    const cid = this.queue.nextCid;
    this.queue.submit(opcode, 1, 0, 0, 0, 0, 0, 0, 0, done);
    return cid;
  }

  /** Writes the next completion as a device does: dword 3, with the phase, last. */
  complete(cid: number, status = 0, result = 0): void {
    const at = this.#tail * 4;
    this.cq.u32[at] = result;
    this.cq.u32[at + 3] = (cid | (this.#phase << 16) | (status << 17)) >>> 0;
    this.#tail = (this.#tail + 1) % this.entries;
    if (this.#tail === 0) this.#phase ^= 1;
  }

  /** The 16 dwords in a slot of the submission queue. */
  slot(index: number): number[] {
    return Array.from(this.sq.u32.subarray(index * 16, index * 16 + 16));
  }
}

/** A space that registers can be bound to. Its registers have 32 bits, or are accessed as two halves. */
export function registerSpace(accesses: Pick<RegisterSpace, 'read32' | 'write32'>): RegisterSpace {
  const refused = () => {
    throw new Error('Only accesses of 32 bits are expected');
  };
  return {
    name: 'BAR0',
    byteLength: 0x2000,
    ...{ read8: refused, read16: refused, read64: refused },
    ...{ write8: refused, write16: refused, write64: refused },
    ...accesses,
  };
}
