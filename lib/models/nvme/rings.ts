// SPDX-License-Identifier: MIT
// The controller's side of the two rings of a queue pair (NVMe Base Specification 2.0, 3.3.1, 3.3.3.2).
import type { NvmeHost } from './host.js';
import { parseSubmission, SQE_BYTES, type Submission } from './submission.js';

export const CQE_BYTES = 16;

/** A completion, before it has a slot. */
export interface Completion {
  readonly queue: number;
  readonly cid: number;
  /** The Status Field without the phase bit. */
  readonly status: number;
  /** Dword 0. */
  readonly result: number;
  /** Whether it raises the interrupt of its queue. */
  readonly announced: boolean;
}

/** What both kinds of rings have in common. */
export interface RingPlace {
  readonly id: number;
  readonly base: bigint;
  readonly entries: number;
}

/** The controller reached memory that the driver did not map, for a ring itself. That is fatal. */
export class RingUnreachable extends Error {}

/** A submission queue: the driver moves its tail, the controller its head. */
export class SubmissionQueue {
  readonly id: number;
  readonly entries: number;
  readonly completionQueue: CompletionQueue;
  readonly #base: bigint;
  head = 0;
  tail = 0;

  constructor({ id, base, entries }: RingPlace, completionQueue: CompletionQueue) {
    this.id = id;
    this.entries = entries;
    this.#base = base;
    this.completionQueue = completionQueue;
  }

  /** Whether the driver may set this tail: it moved, it is inside the ring, and it does not pass the head. */
  accepts(tail: number): boolean {
    const used = distance(this.head, this.tail, this.entries);
    const added = distance(this.tail, tail, this.entries);
    return tail < this.entries && added > 0 && used + added < this.entries;
  }

  /** Fetches the next command. Returns undefined if there is none. */
  take(host: NvmeHost): Submission | undefined {
    if (this.head === this.tail) return undefined;
    const entry = host.readMemory(this.#base + BigInt(this.head * SQE_BYTES), SQE_BYTES);
    if (entry === undefined) throw new RingUnreachable(`submission queue ${this.id}`);
    this.head = next(this.head, this.entries);
    return parseSubmission(this.id, entry);
  }
}

/** A completion queue: the controller moves its tail, the driver its head. */
export class CompletionQueue {
  readonly id: number;
  readonly entries: number;
  /** Its interrupt vector, or undefined if it raises no interrupts. */
  readonly vector: number | undefined;
  readonly #base: bigint;
  /** Completions that wait for a slot: the driver has not consumed the older ones. */
  readonly #waiting: Completion[] = [];
  head = 0;
  tail = 0;
  #phase = 1;

  constructor({ id, base, entries }: RingPlace, vector: number | undefined) {
    this.id = id;
    this.entries = entries;
    this.#base = base;
    this.vector = vector;
  }

  /** Whether the driver may set this head: it moved, it is inside the ring, and it does not pass the tail. */
  accepts(head: number): boolean {
    const removed = distance(this.head, head, this.entries);
    return head < this.entries && removed > 0 && removed <= this.unread;
  }

  /** How many completions the driver has not consumed. */
  get unread(): number {
    return distance(this.head, this.tail, this.entries);
  }

  /** Whether completions wait for a slot. The controller then fetches no commands for this queue. */
  get blocked(): boolean {
    return this.#waiting.length > 0;
  }

  /** The driver deletes it: nothing is unread, so nothing asserts its interrupt. */
  discard(): void {
    this.#waiting.length = 0;
    this.head = this.tail;
  }

  add(completion: Completion): void {
    this.#waiting.push(completion);
  }

  /**
   * Writes the completions for which there are slots. `headOf` returns the head of a submission queue (SQHD).
   * Returns whether one of them raises the interrupt.
   */
  post(host: NvmeHost, headOf: (queue: number) => number): boolean {
    let announced = false;
    while (this.blocked && this.unread < this.entries - 1) {
      const completion = this.#waiting.shift() as Completion;
      this.#write(host, completion, headOf(completion.queue));
      announced ||= completion.announced && this.vector !== undefined;
    }
    return announced;
  }

  /** Dword 3 has the phase bit, so it is written last: another thread may be polling. */
  #write(host: NvmeHost, { queue, cid, status, result }: Completion, sqHead: number): void {
    const entry = new DataView(new ArrayBuffer(CQE_BYTES));
    entry.setUint32(0, result, true);
    entry.setUint16(8, sqHead, true);
    entry.setUint16(10, queue, true);
    entry.setUint16(12, cid, true);
    entry.setUint16(14, (status << 1) | this.#phase, true);
    const bytes = new Uint8Array(entry.buffer);
    const at = this.#base + BigInt(this.tail * CQE_BYTES);
    const written =
      host.writeMemory(at, bytes.subarray(0, 12)) && host.writeMemory(at + 12n, bytes.subarray(12));
    if (!written) throw new RingUnreachable(`completion queue ${this.id}`);
    this.tail = next(this.tail, this.entries);
    if (this.tail === 0) this.#phase ^= 1;
  }
}

/** How far a ring of `entries` slots is from one index to another. */
function distance(from: number, to: number, entries: number): number {
  return (to - from + entries) % entries;
}

function next(index: number, entries: number): number {
  return index + 1 === entries ? 0 : index + 1;
}
