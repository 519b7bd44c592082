// SPDX-License-Identifier: MIT
// A namespace: logical blocks to read, write and flush (NVM Command Set Specification 1.0, 3.2).
import { NvmOpcode } from './commands.js';
import { NvmeError } from './errors.js';
import type { NamespaceIdentity } from './identify.js';
import { type DeviceMemory, describe, emptyDataPointer } from './prp.js';
import type { Done, QueuePair } from './queue.js';
import { type Status, SUCCESS } from './status.js';

/** An I/O queue pair, and the memory and limits for its commands. */
export interface IoPath {
  readonly queue: QueuePair;
  /** Memory for PRP lists: each command identifier has its own `listBytes` here. */
  readonly lists: DeviceMemory;
  readonly listBytes: number;
  /** A power of two, and no more blocks than NLB can express. */
  readonly maxTransferBytes: number;
}

/** What a namespace needs from its controller. */
export interface NamespaceOwner {
  /** Throws while the controller does not accept commands. */
  readonly io: IoPath;
  /** Makes the error for a command that ended with this status. */
  errorOf(what: string, status: Status): NvmeError;
}

/**
 * The same commands exist in two forms. `submitRead`, `submitWrite` and `submitFlush` put one command
 * into the queue, call back when it ends, and allocate nothing; call `ring` to tell the controller.
 * `read`, `write` and `flush` return a promise, and split transfers that are too long for one command.
 *
 * The controller owns the memory of a command until the command has ended.
 */
export class Namespace {
  /** As the controller reported it at its last start. */
  identity: NamespaceIdentity;
  readonly #owner: NamespaceOwner;
  readonly #pointer = emptyDataPointer();

  constructor(owner: NamespaceOwner, identity: NamespaceIdentity) {
    this.#owner = owner;
    this.identity = identity;
  }

  get nsid(): number {
    return this.identity.nsid;
  }

  /** The size of a logical block in bytes. */
  get blockBytes(): number {
    return this.identity.blockBytes;
  }

  get bytes(): bigint {
    return this.identity.nsze * BigInt(this.identity.blockBytes);
  }

  /** The longest read or write that fits in one command, in bytes. */
  get maxTransferBytes(): number {
    return this.#owner.io.maxTransferBytes;
  }

  /** How many commands can be submitted now. */
  get room(): number {
    return this.#owner.io.queue.room;
  }

  /** Reads `bytes`, starting at block `lba`, into `memory` at `offset`, with one command. */
  submitRead(lba: number, memory: DeviceMemory, offset: number, bytes: number, done: Done): void {
    this.#check(lba, memory, offset, bytes);
    this.#submit(NvmOpcode.READ, lba, memory, offset, bytes, done);
  }

  submitWrite(lba: number, memory: DeviceMemory, offset: number, bytes: number, done: Done): void {
    this.#check(lba, memory, offset, bytes);
    this.#submit(NvmOpcode.WRITE, lba, memory, offset, bytes, done);
  }

  /** Makes the controller write its cached data to the medium. */
  submitFlush(done: Done): void {
    this.#pointer.prp1Low = 0;
    this.#pointer.prp1High = 0;
    this.#pointer.prp2Low = 0;
    this.#pointer.prp2High = 0;
    this.#owner.io.queue.submit(NvmOpcode.FLUSH, this.nsid, this.#pointer, 0, 0, 0, done);
  }

  /** Tells the controller about the submitted commands. */
  ring(): void {
    this.#owner.io.queue.ring();
  }

  async read(
    lba: number,
    memory: DeviceMemory,
    offset = 0,
    bytes = memory.byteLength - offset,
  ): Promise<void> {
    await this.#transfer('READ', lba, memory, offset, bytes);
  }

  async write(
    lba: number,
    memory: DeviceMemory,
    offset = 0,
    bytes = memory.byteLength - offset,
  ): Promise<void> {
    await this.#transfer('WRITE', lba, memory, offset, bytes);
  }

  async flush(): Promise<void> {
    while (this.room === 0) await this.#someRoom();
    const commands = new Commands();
    this.submitFlush(commands.done);
    commands.count++;
    this.ring();
    await commands.settled();
    if (commands.status !== SUCCESS) throw this.#owner.errorOf('FLUSH', commands.status);
  }

  async #transfer(
    name: 'READ' | 'WRITE',
    lba: number,
    memory: DeviceMemory,
    offset: number,
    bytes: number,
  ): Promise<void> {
    this.#check(lba, memory, offset, bytes);
    const commands = new Commands();
    try {
      for (let at = 0; at < bytes && commands.status === SUCCESS; ) {
        if (this.room === 0) {
          await this.#someRoom();
          continue;
        }
        const part = Math.min(bytes - at, this.maxTransferBytes);
        const block = lba + at / this.blockBytes;
        this.#submit(NvmOpcode[name], block, memory, offset + at, part, commands.done);
        commands.count++;
        at += part;
      }
      this.ring();
    } finally {
      // Wait even if one part failed: the controller owns the memory until the other parts have ended.
      await commands.settled();
    }
    if (commands.status === SUCCESS) return;
    const what = `${name} of ${bytes / this.blockBytes} blocks at LBA ${lba}`;
    throw this.#owner.errorOf(what, commands.status);
  }

  /**
   * Waits for a completion. It rings first, because without that the controller completes nothing. The
   * caller must check again: another command may have taken the free slot before the caller runs.
   */
  #someRoom(): Promise<void> {
    this.ring();
    return this.#owner.io.queue.roomAgain();
  }

  #check(lba: number, memory: DeviceMemory, offset: number, bytes: number): void {
    const { blockBytes, metadataBytes } = this.identity;
    // LBADS below 9 is reserved. With it, NLB could exceed its 16 bits.
    if (metadataBytes !== 0 || blockBytes < 512) {
      const format = `blocks of ${blockBytes} bytes with ${metadataBytes} of metadata`;
      throw new NvmeError('ERR_NVME_UNSUPPORTED', `Namespace ${this.nsid} has ${format}`);
    }
    if (!Number.isSafeInteger(lba) || lba < 0) {
      throw new RangeError(`Expected a block number but received ${lba}`);
    }
    if (bytes <= 0 || bytes % blockBytes !== 0) {
      throw new RangeError(`Expected a multiple of ${blockBytes} bytes but received ${bytes}`);
    }
    // PRPs are dword addresses (4.1.1).
    if (offset < 0 || offset % 4 !== 0 || offset + bytes > memory.byteLength) {
      throw new RangeError(
        `${bytes} bytes at ${offset} lie outside the memory, or are not aligned to 4`,
      );
    }
  }

  #submit(
    opcode: number,
    lba: number,
    memory: DeviceMemory,
    offset: number,
    bytes: number,
    done: Done,
  ): void {
    const { queue, lists, listBytes, maxTransferBytes } = this.#owner.io;
    if (bytes > maxTransferBytes) {
      throw new RangeError(`${bytes} bytes are more than one command can move`);
    }
    if (queue.room === 0) throw new RangeError(`Queue ${queue.id} is full`);
    describe(this.#pointer, memory, offset, bytes, lists, queue.nextCid * listBytes);
    const lbaHigh = Math.floor(lba / 2 ** 32);
    const nlb = bytes / this.blockBytes - 1;
    queue.submit(opcode, this.nsid, this.#pointer, lba >>> 0, lbaHigh, nlb, done);
  }
}

/** The commands of one promise: the number in flight, and the first error among them. */
class Commands {
  count = 0;
  status: Status = SUCCESS;
  #resolve: (() => void) | undefined;

  readonly done: Done = (status) => {
    if (this.status === SUCCESS) this.status = status;
    if (--this.count === 0) this.#resolve?.();
  };

  /** Resolves when no command is in flight. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      if (this.count === 0) resolve();
    });
  }
}
