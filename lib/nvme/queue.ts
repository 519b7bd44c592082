// SPDX-License-Identifier: MIT
// A queue pair: rings of commands and of completions (NVMe Base Specification 2.0, 3.3). Nothing is allocated per
// command.
import type { Doorbell } from 'vfio';
import { type Command, CQE_DWORDS, putRareDwords, SQE_DWORDS } from './commands.js';
import type { DataPointer, DeviceMemory } from './prp.js';
import { ABORTED_BY_HOST, type Status } from './status.js';

/**
 * Called once per command, with its status and dword 0 of its completion. If it throws, that is an uncaught exception,
 * and the queue goes on.
 */
export type Done = (status: Status, result: number) => void;

/** Instead of a tick: the command can stay in flight as long as it likes. */
const UNTIMED = 0xffff_ffff;

/** The doorbells that tell the controller about a new tail or head. */
export interface Doorbells {
  readonly tail: Pick<Doorbell, 'write'>;
  readonly head: Pick<Doorbell, 'write'>;
}

export interface QueueOptions {
  readonly id: number;
  /** Slots of each ring. One slot always stays empty, because a full ring would look like an empty one. */
  readonly entries: number;
  readonly sq: DeviceMemory;
  readonly cq: DeviceMemory;
  readonly doorbells: Doorbells;
}

/**
 * A submission queue and its completion queue, of the same size. There are fewer command identifiers
 * than slots, so neither ring can overflow. For the same reason the driver does not need the head that
 * completions report (SQHD).
 */
export class QueuePair {
  readonly id: number;
  readonly entries: number;
  /** The memory of the rings. */
  readonly sq: DeviceMemory;
  readonly cq: DeviceMemory;
  /** Completions that named a command which is not in flight. The driver ignored them. */
  unknown = 0;

  readonly #sq: Uint32Array;
  readonly #cq: Uint32Array;
  readonly #doorbells: Doorbells;
  /** The callback of each command in flight, by its identifier. */
  readonly #done: (Done | undefined)[];
  #inFlight = 0;
  /** For each command in flight, the tick of {@link age} at which it was submitted. */
  readonly #started: Uint32Array;
  /** Slots whose last command had dwords that {@link submit} does not write. */
  readonly #rare = new Set<number>();
  #now = 0;
  #tail = 0;
  #announcedTail = 0;
  #head = 0;
  #announcedHead = 0;
  /** The phase bit of a new completion. The controller flips it each time the ring wraps (3.3.3.2.1). */
  #phase = 1;
  #waiting: (() => void)[] = [];
  #polling = false;
  #willRing = false;
  readonly #askForTick = () => process.nextTick(this.#tick);
  readonly #tick = () => this.#ringNow();

  constructor({ id, entries, sq, cq, doorbells }: QueueOptions) {
    this.id = id;
    this.entries = entries;
    this.sq = sq;
    this.cq = cq;
    this.#sq = sq.u32.subarray(0, entries * SQE_DWORDS);
    this.#cq = cq.u32.subarray(0, entries * CQE_DWORDS);
    this.#sq.fill(0);
    // All phase bits are zero: there are no completions yet.
    this.#cq.fill(0);
    this.#doorbells = doorbells;
    this.#done = new Array(entries).fill(undefined);
    this.#started = new Uint32Array(entries);
  }

  /** How many commands can be submitted now. */
  get room(): number {
    return this.entries - 1 - this.#inFlight;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /**
   * The identifier that the next {@link submit} will use: the number of the slot, unless an earlier command of that slot
   * is still in flight. So an identifier is used again only a whole ring later, and a late completion rarely meets
   * another command.
   */
  get nextCid(): number {
    let cid = this.#tail;
    while (this.#done[cid] !== undefined) cid = next(cid, this.entries);
    return cid;
  }

  /**
   * Puts a command into the next slot. The controller sees it after {@link ring}: one doorbell write is
   * enough for any number of commands. There must be {@link room}.
   */
  submit(
    opcode: number,
    nsid: number,
    prp1Low: number,
    prp1High: number,
    prp2Low: number,
    prp2High: number,
    cdw10: number,
    cdw11: number,
    cdw12: number,
    done: Done,
  ): void {
    if (this.#inFlight === this.entries - 1) throw new RangeError(`Queue ${this.id} is full`);
    const cid = this.nextCid;
    this.#inFlight++;
    this.#done[cid] = done;
    this.#started[cid] = this.#now;
    const sq = this.#sq;
    const at = this.#tail * SQE_DWORDS;
    if (this.#rare.size > 0) this.#clearRare(this.#tail);
    // Commands are not fused and use PRPs. The other dwords are 0.
    sq[at] = opcode | (cid << 16);
    sq[at + 1] = nsid;
    sq[at + 6] = prp1Low;
    sq[at + 7] = prp1High;
    sq[at + 8] = prp2Low;
    sq[at + 9] = prp2High;
    sq[at + 10] = cdw10;
    sq[at + 11] = cdw11;
    sq[at + 12] = cdw12;
    this.#tail = next(this.#tail, this.entries);
  }

  /**
   * The same for a command object, with all its dwords. It is slower, so use it for commands that are sent rarely.
   * {@link age} does not count a command that is not `timed`.
   */
  submitCommand(command: Command, data: DataPointer, done: Done, timed = true): void {
    const { opcode, nsid = 0, cdw10 = 0, cdw11 = 0, cdw12 = 0 } = command;
    const { prp1Low, prp1High, prp2Low, prp2High } = data;
    const slot = this.#tail;
    const cid = this.nextCid;
    this.submit(opcode, nsid, prp1Low, prp1High, prp2Low, prp2High, cdw10, cdw11, cdw12, done);
    if (putRareDwords(this.#sq, slot * SQE_DWORDS, command)) this.#rare.add(slot);
    if (!timed) this.#started[cid] = UNTIMED;
  }

  #clearRare(slot: number): void {
    if (this.#rare.delete(slot)) putRareDwords(this.#sq, slot * SQE_DWORDS, {});
  }

  /** Tells the controller about the commands submitted since the last call. */
  ring(): void {
    // Writing the same value twice is an error (Invalid Doorbell Write Value, 5.2).
    if (this.#tail === this.#announcedTail) return;
    this.#announcedTail = this.#tail;
    this.#doorbells.tail.write(this.#tail);
  }

  /** Rings when all promises that are settled now have run their course, so that their commands share one doorbell. */
  ringSoon(): void {
    if (this.#willRing) return;
    this.#willRing = true;
    // A tick that a microtask asks for comes when no microtask is left.
    queueMicrotask(this.#askForTick);
  }

  #ringNow(): void {
    this.#willRing = false;
    try {
      this.ring();
    } catch {
      // The device is closed, gone or in a reset. Its event ends these commands.
    }
  }

  /**
   * Handles the completions that have arrived: calls back for each, and returns their number. It
   * handles at most one full ring, so that a controller cannot block the event loop. What the
   * callbacks submit is rung at the end. In a callback, it does nothing and returns 0.
   */
  poll(): number {
    // A callback that polls would take the completions of a run that is counted already.
    if (this.#polling) return 0;
    let taken = 0;
    this.#polling = true;
    while (taken < this.entries) {
      const run = this.#arrived(this.entries - taken);
      if (run === 0) break;
      taken += run;
      this.#take(run);
    }
    this.#polling = false;
    if (taken === 0) return 0;
    this.#announceHead();
    this.ring();
    this.#wake();
    return taken;
  }

  /**
   * Returns how many completions have arrived from the head on, at most `most`, and not beyond the end of the ring. The
   * controller writes them in order. So once an atomic load has seen the phase of the last one, the earlier ones are
   * complete too, and plain loads read them (docs/mmio-in-javascript.md).
   */
  #arrived(most: number): number {
    const cq = this.#cq;
    const phase = this.#phase;
    const head = this.#head;
    const first = Atomics.load(cq, head * CQE_DWORDS + 3);
    if (((first >>> 16) & 1) !== phase) return 0;
    const end = Math.min(head + most, this.entries);
    let last = head;
    while (last + 1 < end && (((cq[(last + 1) * CQE_DWORDS + 3] as number) >>> 16) & 1) === phase)
      last++;
    if (last === head) return 1;
    const newest = Atomics.load(cq, last * CQE_DWORDS + 3);
    return ((newest >>> 16) & 1) === phase ? last - head + 1 : 1;
  }

  /** Takes that many completions. A callback that throws has been called, so the next one follows. */
  #take(count: number): void {
    let left = count;
    while (left > 0) {
      try {
        while (left > 0) {
          left--;
          this.#takeOne();
        }
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  /** Takes the completion at the head. It is read once: the device could change it. */
  #takeOne(): void {
    const at = this.#head * CQE_DWORDS;
    const dword3 = this.#cq[at + 3] as number;
    const result = this.#cq[at] as number;
    this.#head = next(this.#head, this.entries);
    if (this.#head === 0) this.#phase ^= 1;
    this.#finish(dword3 & 0xffff, dword3 >>> 17, result);
  }

  /** Ends every command in flight with {@link ABORTED_BY_HOST}. The controller must be disabled. */
  abortAll(): void {
    for (let cid = 0; cid < this.#done.length; cid++) {
      if (this.#done[cid] !== undefined) this.#finish(cid, ABORTED_BY_HOST, 0);
    }
    this.#wake();
  }

  /** Resolves when there may be room again, or when the queue was aborted. Check for both. */
  roomAgain(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Advances the clock of the queue. Returns whether a command has been in flight for more than `limit` ticks. */
  age(limit: number): boolean {
    this.#now++;
    for (let cid = 0; cid < this.#done.length; cid++) {
      const age = this.#now - (this.#started[cid] as number);
      if (this.#done[cid] !== undefined && age > limit) return true;
    }
    return false;
  }

  #finish(cid: number, status: Status, result: number): void {
    // The identifier comes from the device. It may be out of range, or name a command not in flight.
    const done = this.#done[cid];
    if (done === undefined) {
      this.unknown++;
      return;
    }
    this.#done[cid] = undefined;
    this.#inFlight--;
    done(status, result);
  }

  #announceHead(): void {
    if (this.#head === this.#announcedHead) return;
    this.#announcedHead = this.#head;
    this.#doorbells.head.write(this.#head);
  }

  #wake(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

function next(index: number, length: number): number {
  return index + 1 === length ? 0 : index + 1;
}
