// SPDX-License-Identifier: MIT
// The queues, and the rules for making and deleting them (NVMe Base Specification 2.0, 5.4 to 5.7).
import type { Settings } from './options.js';
import { CompletionQueue, SubmissionQueue } from './rings.js';
import { demand, StatusCode } from './status.js';

/** CC.IOSQES and CC.IOCQES must name the sizes of the entries, as powers of two, before I/O queues can be made. */
export interface EntrySizes {
  readonly submission: number;
  readonly completion: number;
}

/** The admin queues, as AQA, ASQ and ACQ describe them. */
export interface AdminQueues {
  readonly submissionBase: bigint;
  readonly submissionEntries: number;
  readonly completionBase: bigint;
  readonly completionEntries: number;
}

/** PC and IEN, CDW11 bits 0 and 1. Bits 31:16 are the vector, or the completion queue of a submission queue. */
const CONTIGUOUS = 1;
const INTERRUPTS = 2;
/** The model has pages of 4 KiB alone (CAP.MPSMIN and MPSMAX). */
const PAGE_OFFSET = 0xfffn;

const SIZES: EntrySizes = { submission: 6, completion: 4 };

export class Queues {
  readonly submission = new Map<number, SubmissionQueue>();
  readonly completion = new Map<number, CompletionQueue>();
  /** How many I/O queues of each kind the driver may make: Set Features, Number of Queues changes it. */
  allocated: number;
  readonly #settings: Settings;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.allocated = settings.ioQueues;
  }

  /** Makes the admin queues, which use vector 0. */
  start(admin: AdminQueues): void {
    const { submissionBase, submissionEntries, completionBase, completionEntries } = admin;
    const cq = new CompletionQueue({ id: 0, base: completionBase, entries: completionEntries }, 0);
    const place = { id: 0, base: submissionBase, entries: submissionEntries };
    this.completion.set(0, cq);
    this.submission.set(0, new SubmissionQueue(place, cq));
  }

  /** Forgets all queues. */
  clear(): void {
    this.submission.clear();
    this.completion.clear();
    this.allocated = this.#settings.ioQueues;
  }

  /** Whether there are I/O queues. */
  get inUse(): boolean {
    return this.submission.size + this.completion.size > 2;
  }

  /** SQHD of a completion. The queue of a command that was aborted late may be gone. */
  headOf(id: number): number {
    return this.submission.get(id)?.head ?? 0;
  }

  createCompletion(
    id: number,
    entries: number,
    base: bigint,
    flags: number,
    sizes: EntrySizes,
  ): void {
    this.#checkNew(this.completion, id, entries, sizes.completion === SIZES.completion);
    checkMemory(base, flags);
    const vector = flags >>> 16;
    const interrupts = (flags & INTERRUPTS) !== 0;
    demand(!interrupts || vector < this.#settings.vectors, StatusCode.INVALID_VECTOR);
    const queue = new CompletionQueue({ id, base, entries }, interrupts ? vector : undefined);
    this.completion.set(id, queue);
  }

  createSubmission(
    id: number,
    entries: number,
    base: bigint,
    flags: number,
    sizes: EntrySizes,
  ): void {
    this.#checkNew(this.submission, id, entries, sizes.submission === SIZES.submission);
    checkMemory(base, flags);
    const target = flags >>> 16;
    demand(target >= 1 && target <= this.allocated, StatusCode.INVALID_QUEUE_ID);
    const cq = this.completion.get(target);
    demand(cq !== undefined, StatusCode.COMPLETION_QUEUE_INVALID);
    this.submission.set(id, new SubmissionQueue({ id, base, entries }, cq));
  }

  deleteSubmission(id: number): void {
    demand(id !== 0 && this.submission.delete(id), StatusCode.INVALID_QUEUE_ID);
  }

  /** The submission queues that complete to it must be deleted first. */
  deleteCompletion(id: number): void {
    const queue = this.completion.get(id);
    demand(id !== 0 && queue !== undefined, StatusCode.INVALID_QUEUE_ID);
    const users = [...this.submission.values()].filter((each) => each.completionQueue === queue);
    demand(users.length === 0, StatusCode.INVALID_QUEUE_DELETION);
    queue.discard();
    this.completion.delete(id);
  }

  #checkNew(kind: Map<number, unknown>, id: number, entries: number, sized: boolean): void {
    demand(id >= 1 && id <= this.allocated && !kind.has(id), StatusCode.INVALID_QUEUE_ID);
    const fits = entries >= 2 && entries <= this.#settings.queueEntries;
    demand(fits && sized, StatusCode.INVALID_QUEUE_SIZE);
  }
}

/** The memory of a queue is contiguous, and begins at a page. */
function checkMemory(base: bigint, flags: number): void {
  demand((flags & CONTIGUOUS) !== 0, StatusCode.INVALID_FIELD);
  demand((base & PAGE_OFFSET) === 0n, StatusCode.PRP_OFFSET_INVALID);
}
