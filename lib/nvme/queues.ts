// SPDX-License-Identifier: MIT
// The queue pairs of a controller, and the memory it reaches for them.
import type { Device, DmaBuffer } from 'vfio';
import { CQE_DWORDS, SQE_DWORDS } from './commands.js';
import type { IoPath } from './namespace.js';
import { listPagesFor, PAGE_BYTES } from './prp.js';
import { QueuePair } from './queue.js';
import { doorbells, type NvmeRegisters } from './registers.js';

const ADMIN_QUEUE_ENTRIES = 32;
const IO_QUEUE_ID = 1;

/** The admin queue pair and one I/O queue pair. Each start of the controller makes new ones. */
export class Queues {
  admin: QueuePair | undefined;
  io: IoPath | undefined;
  readonly #device: Device;
  readonly #registers: NvmeRegisters;
  /** Memory by its use. It is reused when the queues are made again, and unmapped at the end. */
  readonly #memory = new Map<string, DmaBuffer>();

  constructor(device: Device, registers: NvmeRegisters) {
    this.#device = device;
    this.#registers = registers;
  }

  makeAdmin(): QueuePair {
    this.admin = this.#queuePair('admin', 0, ADMIN_QUEUE_ENTRIES);
    return this.admin;
  }

  makeIo(wantedEntries: number, maxTransferBytes: number): IoPath {
    const supported = this.#registers.CAP.MQES + 1;
    const queue = this.#queuePair('io', IO_QUEUE_ID, Math.min(wantedEntries, supported));
    const listBytes = listPagesFor(maxTransferBytes) * PAGE_BYTES;
    const lists = this.#dma('prp lists', queue.entries * listBytes);
    this.io = { queue, lists, listBytes, maxTransferBytes };
    return this.io;
  }

  /** The memory of a queue pair that another thread drives: both rings, PRP lists, data. */
  lendMemory(
    id: number,
    entries: number,
    listBytes: number,
    dataBytes: number,
  ): [DmaBuffer, DmaBuffer, DmaBuffer, DmaBuffer] {
    return [
      this.#dma(`sq ${id}`, entries * SQE_DWORDS * 4),
      this.#dma(`cq ${id}`, entries * CQE_DWORDS * 4),
      this.#dma(`prp lists ${id}`, entries * listBytes),
      this.#dma(`data ${id} of ${dataBytes}`, dataBytes),
    ];
  }

  /** Handles the completions of all queues. */
  poll(): void {
    const more = this.#all().filter((queue) => queue.poll() === queue.entries);
    // A queue had a full ring of completions. Let other work run before handling more.
    if (more.length > 0) setImmediate(() => this.poll());
  }

  /** A queue that has had a command in flight for more than `ticks` calls of this method. */
  overdue(ticks: number): QueuePair | undefined {
    return this.#all().find((queue) => queue.age(ticks));
  }

  /** Ends the commands in flight and drops the queues. The controller must have stopped. */
  end(): void {
    const ended = this.#all();
    this.admin = undefined;
    this.io = undefined;
    for (const queue of ended) queue.abortAll();
  }

  /** Frees the memory. The controller must have stopped. */
  close(): void {
    for (const memory of this.#memory.values()) memory.close();
  }

  #all(): QueuePair[] {
    return [this.admin, this.io?.queue].filter((queue) => queue !== undefined);
  }

  #queuePair(use: string, id: number, entries: number): QueuePair {
    const sq = this.#dma(`${use} sq`, entries * SQE_DWORDS * 4);
    const cq = this.#dma(`${use} cq`, entries * CQE_DWORDS * 4);
    const { tail, head } = doorbells(id, this.#registers.CAP.DSTRD);
    const bar = this.#device.bar(0);
    return new QueuePair({
      id,
      entries,
      sq,
      cq,
      doorbells: { tail: bar.doorbell(tail), head: bar.doorbell(head) },
    });
  }

  /** The memory for a use. The first call allocates it. */
  #dma(use: string, bytes: number): DmaBuffer {
    let memory = this.#memory.get(use);
    if (memory === undefined) {
      memory = this.#device.allocDma(Math.max(1, Math.ceil(bytes / PAGE_BYTES)) * PAGE_BYTES);
      this.#memory.set(use, memory);
    }
    return memory;
  }
}
