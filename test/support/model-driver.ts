// SPDX-License-Identifier: MIT
// Drives the NVMe model by hand: memory at an IOVA, raw commands in rings, and raw completions.
import { type NvmeHost, NvmeModel, type NvmeModelOptions } from '../../lib/models/nvme/index.js';

/** Where the driver's memory is for the device. The bytes below and behind it are not mapped. */
export const IOVA = 0x1_0000_0000n;
const MEMORY_BYTES = 8 * 1024 * 1024;
/** Rings are the first pages: a submission queue and a completion queue for each queue pair. Data follows. */
const RING_BYTES = 0x1000;
export const DATA = IOVA + 0x10_0000n;

/** A command: what is not given is 0. */
export interface RawCommand {
  readonly opcode: number;
  readonly flags?: number;
  readonly nsid?: number;
  readonly prp1?: bigint;
  readonly prp2?: bigint;
  readonly cdw10?: number;
  readonly cdw11?: number;
  readonly cdw12?: number;
  readonly cdw13?: number;
}

/** A completion as it lies in memory. */
export interface RawCompletion {
  readonly cid: number;
  /** Without Do Not Retry. */
  readonly status: number;
  readonly doNotRetry: boolean;
  readonly result: number;
  readonly sqHead: number;
  readonly queue: number;
}

interface Ring {
  readonly sq: bigint;
  readonly cq: bigint;
  readonly entries: number;
  tail: number;
  head: number;
  phase: number;
}

/** Plain memory, and a record of the interrupts. */
export class MemoryHost implements NvmeHost {
  readonly memory = new Uint8Array(MEMORY_BYTES);
  readonly raised: number[] = [];
  line = false;

  readMemory(iova: bigint, bytes: number): Uint8Array | undefined {
    const at = this.#offset(iova, bytes);
    return at === undefined ? undefined : this.memory.slice(at, at + bytes);
  }

  writeMemory(iova: bigint, data: Uint8Array): boolean {
    const at = this.#offset(iova, data.byteLength);
    if (at === undefined) return false;
    this.memory.set(data, at);
    return true;
  }

  raise(vector: number): void {
    this.raised.push(vector);
  }

  setLine(asserted: boolean): void {
    this.line = asserted;
  }

  #offset(iova: bigint, bytes: number): number | undefined {
    const at = Number(iova - IOVA);
    return at < 0 || at + bytes > MEMORY_BYTES ? undefined : at;
  }
}

/** The model, and a driver that trusts nothing of it. */
export class ModelDriver {
  readonly host = new MemoryHost();
  readonly model: NvmeModel;
  readonly view = new DataView(this.host.memory.buffer);
  readonly #rings = new Map<number, Ring>();
  #cid = 0;

  constructor(options: NvmeModelOptions = {}) {
    this.model = new NvmeModel(this.host, options);
  }

  /** Enables the controller with admin queues of this size. Returns CSTS. */
  enable(entries = 16): number {
    const { sq, cq } = this.#makeRing(0, entries);
    this.model.write32(0x24, (entries - 1) | ((entries - 1) << 16));
    this.model.write64(0x28, sq);
    this.model.write64(0x30, cq);
    this.model.write32(0x14, 0x0046_0001);
    return this.model.read32(0x1c);
  }

  /** Makes I/O queue pair `id`, with the vector of the same number. */
  createQueue(id = 1, entries = 8): void {
    const { sq, cq } = this.#makeRing(id, entries);
    const cdw10 = id | ((entries - 1) << 16);
    this.admin({ opcode: 0x05, prp1: cq, cdw10, cdw11: 3 | (id << 16) });
    this.admin({ opcode: 0x01, prp1: sq, cdw10, cdw11: 1 | (id << 16) });
  }

  /** Sends an admin command. Returns its completion, and throws if there is none. */
  admin(command: RawCommand): RawCompletion {
    return this.send(0, command);
  }

  /** Sends a command to a queue. Returns its completion, and throws if there is none. */
  send(queue: number, command: RawCommand): RawCompletion {
    const cid = this.submit(queue, command);
    this.ring(queue);
    const completion = this.poll(queue).find((each) => each.cid === cid);
    if (completion === undefined) throw new Error(`command ${cid} did not complete`);
    return completion;
  }

  /** Puts a command into a ring. Returns its identifier. */
  submit(queue: number, command: RawCommand): number {
    const ring = this.#ring(queue);
    const cid = this.#cid++;
    const at = Number(ring.sq - IOVA) + ring.tail * 64;
    this.host.memory.fill(0, at, at + 64);
    this.view.setUint32(at, command.opcode | ((command.flags ?? 0) << 8) | (cid << 16), true);
    this.view.setUint32(at + 4, command.nsid ?? 0, true);
    this.view.setBigUint64(at + 24, command.prp1 ?? 0n, true);
    this.view.setBigUint64(at + 32, command.prp2 ?? 0n, true);
    const { cdw10 = 0, cdw11 = 0, cdw12 = 0, cdw13 = 0 } = command;
    for (const [index, value] of [cdw10, cdw11, cdw12, cdw13].entries()) {
      this.view.setUint32(at + 40 + 4 * index, value, true);
    }
    ring.tail = (ring.tail + 1) % ring.entries;
    return cid;
  }

  /** Tells the controller about the new commands. */
  ring(queue: number): void {
    this.model.write32(0x1000 + 8 * queue, this.#ring(queue).tail);
  }

  /** Takes the completions that have arrived. With `release` false, the controller does not get their slots back. */
  poll(queue: number, release = true): RawCompletion[] {
    const ring = this.#ring(queue);
    const found: RawCompletion[] = [];
    for (;;) {
      const at = Number(ring.cq - IOVA) + ring.head * 16;
      const field = this.view.getUint16(at + 14, true);
      if ((field & 1) !== ring.phase) break;
      found.push({
        cid: this.view.getUint16(at + 12, true),
        status: (field >> 1) & 0x3fff,
        doNotRetry: field >> 15 === 1,
        result: this.view.getUint32(at, true),
        sqHead: this.view.getUint16(at + 8, true),
        queue: this.view.getUint16(at + 10, true),
      });
      ring.head = (ring.head + 1) % ring.entries;
      if (ring.head === 0) ring.phase ^= 1;
    }
    if (found.length > 0 && release) this.release(queue);
    return found;
  }

  /** Gives the slots of the completions that were polled back to the controller. */
  release(queue: number): void {
    this.model.write32(0x1004 + 8 * queue, this.#ring(queue).head);
  }

  /** The driver's memory at {@link DATA} + `offset`. */
  data(offset: number, bytes: number): Uint8Array {
    const at = Number(DATA - IOVA) + offset;
    return this.host.memory.subarray(at, at + bytes);
  }

  #ring(queue: number): Ring {
    const ring = this.#rings.get(queue);
    if (ring === undefined) throw new Error(`there is no queue ${queue}`);
    return ring;
  }

  #makeRing(queue: number, entries: number): Ring {
    const sq = IOVA + BigInt(2 * queue * RING_BYTES);
    const cq = sq + BigInt(RING_BYTES);
    const ring = { sq, cq, entries, tail: 0, head: 0, phase: 1 };
    const at = Number(sq - IOVA);
    this.host.memory.fill(0, at, at + 2 * RING_BYTES);
    this.#rings.set(queue, ring);
    return ring;
  }
}

/** The numbers 1 to 255 over and over, so that a byte in the wrong place is found. */
export function pattern(bytes: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, index) => ((index + seed) % 255) + 1);
}
