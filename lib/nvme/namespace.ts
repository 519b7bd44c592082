// SPDX-License-Identifier: MIT
// A namespace: logical blocks to read, write and flush (NVM Command Set Specification 1.0, 3.2).
import { NvmOpcode } from './commands.js';
import type { NvmeError } from './errors.js';
import type { NamespaceIdentity } from './identify.js';
import { type DeviceMemory, describe, emptyDataPointer, PAGE_BYTES } from './prp.js';
import type { Done, QueuePair } from './queue.js';
import { type Status, SUCCESS } from './status.js';
import { isSupported, refusalOf } from './transfer-refusal.js';

type Transfer = 'READ' | 'WRITE';

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
  readonly #owner: NamespaceOwner;
  readonly #pointer = emptyDataPointer();
  #identity: NamespaceIdentity;
  // What each command needs of the identity.
  readonly #nsid: number;
  #blocks = 0;
  /** A length in bytes is whole blocks if none of these bits is set. All bits, if the format is not supported. */
  #notWhole = -1;
  /** The number of blocks is the number of bytes shifted right by this. */
  #blockShift = 0;

  constructor(owner: NamespaceOwner, identity: NamespaceIdentity) {
    this.#owner = owner;
    this.#identity = identity;
    this.#nsid = identity.nsid;
    this.identity = identity;
  }

  /** As the controller reported it at its last start. */
  get identity(): NamespaceIdentity {
    return this.#identity;
  }

  set identity(identity: NamespaceIdentity) {
    const { nsze, blockBytes } = identity;
    this.#identity = identity;
    this.#blocks = Number(nsze);
    this.#notWhole = isSupported(identity) ? blockBytes - 1 : -1;
    this.#blockShift = Math.log2(blockBytes);
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
    this.#submit(NvmOpcode.READ, lba, memory, offset, bytes, done);
  }

  submitWrite(lba: number, memory: DeviceMemory, offset: number, bytes: number, done: Done): void {
    this.#submit(NvmOpcode.WRITE, lba, memory, offset, bytes, done);
  }

  /** Makes the controller write its cached data to the medium. */
  submitFlush(done: Done): void {
    this.#owner.io.queue.submit(NvmOpcode.FLUSH, this.nsid, 0, 0, 0, 0, 0, 0, 0, done);
  }

  /** Tells the controller about the submitted commands. */
  ring(): void {
    this.#owner.io.queue.ring();
  }

  /** Reads `bytes`, starting at block `lba`, into `memory` at `offset`. Longer transfers are several commands. */
  read(
    lba: number,
    memory: DeviceMemory,
    offset = 0,
    bytes = memory.byteLength - offset,
  ): Promise<void> {
    return this.#transfer('READ', lba, memory, offset, bytes);
  }

  write(
    lba: number,
    memory: DeviceMemory,
    offset = 0,
    bytes = memory.byteLength - offset,
  ): Promise<void> {
    return this.#transfer('WRITE', lba, memory, offset, bytes);
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

  /** One command needs nothing but its promise. */
  #transfer(
    name: Transfer,
    lba: number,
    memory: DeviceMemory,
    offset: number,
    bytes: number,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const { queue, maxTransferBytes } = this.#owner.io;
      if (bytes > maxTransferBytes || queue.room === 0) {
        resolve(this.#inParts(name, lba, memory, offset, bytes));
        return;
      }
      this.#submit(NvmOpcode[name], lba, memory, offset, bytes, (status) => {
        if (status === SUCCESS) resolve();
        else reject(this.#failure(name, lba, bytes, status));
      });
      queue.ringSoon();
    });
  }

  async #inParts(
    name: Transfer,
    lba: number,
    memory: DeviceMemory,
    offset: number,
    bytes: number,
  ): Promise<void> {
    const refusal = refusalOf(this.#identity, lba, memory, offset, bytes);
    if (refusal !== undefined) throw refusal;
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
    if (commands.status !== SUCCESS) throw this.#failure(name, lba, bytes, commands.status);
  }

  #failure(name: Transfer, lba: number, bytes: number, status: Status): NvmeError {
    const what = `${name} of ${bytes / this.blockBytes} blocks at LBA ${lba}`;
    return this.#owner.errorOf(what, status);
  }

  /**
   * Waits for a completion. It rings first, because without that the controller completes nothing. The
   * caller must check again: another command may have taken the free slot before the caller runs.
   */
  #someRoom(): Promise<void> {
    this.ring();
    return this.#owner.io.queue.roomAgain();
  }

  /** The hot path: one condition for everything that is wrong, and words for it elsewhere. */
  #submit(
    opcode: number,
    lba: number,
    memory: DeviceMemory,
    offset: number,
    bytes: number,
    done: Done,
  ): void {
    const { queue, lists, listBytes, maxTransferBytes } = this.#owner.io;
    const blocks = bytes >>> this.#blockShift;
    const isValid =
      bytes > 0 &&
      bytes <= maxTransferBytes &&
      (bytes | 0) === bytes &&
      (bytes & this.#notWhole) === 0 &&
      offset >= 0 &&
      offset % 4 === 0 &&
      offset + bytes <= memory.byteLength &&
      lba >= 0 &&
      lba + blocks <= this.#blocks &&
      Math.floor(lba) === lba &&
      queue.room > 0;
    if (!isValid) throw this.#refusal(lba, memory, offset, bytes);
    const low = memory.low(offset);
    const high = memory.high(offset);
    const inFirstPage = PAGE_BYTES - (low & (PAGE_BYTES - 1));
    let [secondLow, secondHigh] = [0, 0];
    if (bytes > inFirstPage) {
      const pointer = this.#pointer;
      describe(pointer, memory, offset, bytes, lists, queue.nextCid * listBytes);
      secondLow = pointer.prp2Low;
      secondHigh = pointer.prp2High;
    }
    const lbaHigh = (lba / 2 ** 32) | 0;
    const nlb = blocks - 1;
    queue.submit(opcode, this.#nsid, low, high, secondLow, secondHigh, lba | 0, lbaHigh, nlb, done);
  }

  #refusal(lba: number, memory: DeviceMemory, offset: number, bytes: number): Error {
    const refusal = refusalOf(this.#identity, lba, memory, offset, bytes);
    if (refusal !== undefined) return refusal;
    const { queue, maxTransferBytes } = this.#owner.io;
    if (bytes > maxTransferBytes) {
      return new RangeError(
        `${bytes} bytes are more than one command can move, which is ${maxTransferBytes}`,
      );
    }
    return new RangeError(`Queue ${queue.id} is full`);
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
