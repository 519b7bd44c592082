// SPDX-License-Identifier: MIT
// A namespace: logical blocks to read, write and flush (NVM Command Set Specification 1.0, 3.2).
import { NvmOpcode } from './commands.js';
import { AD, type BlockRange, checkRanges, putRanges } from './deallocate.js';
import type { NvmeError } from './errors.js';
import type { NamespaceIdentity } from './identify.js';
import { type DeviceMemory, describe, emptyDataPointer, PAGE_BYTES } from './prp.js';
import type { Done, QueuePair } from './queue.js';
import { type Status, SUCCESS } from './status.js';
import { isSupported, mustBeBlocks, refusalOf } from './transfer-refusal.js';

type Transfer = 'READ' | 'WRITE' | 'COMPARE';

/** NLB counts from 0 and has 16 bits. */
const MAX_BLOCKS = 0x10000;
/** Write Zeroes: CDW12 bit 25, DEAC. */
const DEALLOCATE_ZEROES = 1 << 25;

/** How {@link Namespace.writeZeroes} writes. */
export interface WriteZeroesOptions {
  /** Lets the controller deallocate the blocks (DEAC). They read as zeros if DLFEAT of the namespace says so. */
  readonly deallocate?: boolean;
}

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
 * All others return a promise. `read`, `write` and `compare` split transfers that are too long for one command, or
 * that cross a boundary which the controller names (NOIOB).
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
  /** NOIOB: a command that crosses a multiple of this many blocks is slower. 0: there is no such boundary. */
  #boundary = 0;

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
    const { nsze, blockBytes, noiob } = identity;
    this.#identity = identity;
    this.#boundary = noiob;
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

  /**
   * Compares `bytes` of `memory` with the blocks from `lba` on (3.2.1). Rejects with a {@link NvmeStatusError} whose
   * name is `Compare Failure` if they differ.
   */
  compare(
    lba: number,
    memory: DeviceMemory,
    offset = 0,
    bytes = memory.byteLength - offset,
  ): Promise<void> {
    return this.#transfer('COMPARE', lba, memory, offset, bytes);
  }

  /** Makes the controller write its cached data to the medium. */
  flush(): Promise<void> {
    return this.#one('FLUSH', (done) => this.submitFlush(done));
  }

  /** Writes zeros to `blocks` blocks from `lba` on, without data (3.2.8). One command for each 65,536 blocks. */
  async writeZeroes(lba: number, blocks: number, options: WriteZeroesOptions = {}): Promise<void> {
    mustBeBlocks(this.#identity, lba, blocks);
    const control = options.deallocate === true ? DEALLOCATE_ZEROES : 0;
    for (let done = 0; done < blocks; done += MAX_BLOCKS) {
      const [at, count] = [lba + done, Math.min(blocks - done, MAX_BLOCKS)];
      await this.#one(`WRITE_ZEROES of ${count} blocks at LBA ${at}`, (ended) => {
        const { queue } = this.#owner.io;
        const [low, high, cdw12] = [at | 0, (at / 2 ** 32) | 0, control | (count - 1)];
        queue.submit(NvmOpcode.WRITE_ZEROES, this.#nsid, 0, 0, 0, 0, low, high, cdw12, ended);
      });
    }
  }

  /**
   * Tells the controller that up to 256 ranges of blocks are no longer in use (Dataset Management with AD, 3.2.3; also
   * known as TRIM). The controller can ignore that.
   */
  async deallocate(ranges: readonly BlockRange[]): Promise<void> {
    checkRanges(this.#identity, ranges);
    await this.#one(`DATASET_MANAGEMENT of ${ranges.length} ranges`, (done) => {
      const { queue, lists, listBytes } = this.#owner.io;
      const at = queue.nextCid * listBytes;
      putRanges(lists, at, listBytes, ranges);
      const [low, high, last] = [lists.low(at), lists.high(at), ranges.length - 1];
      queue.submit(NvmOpcode.DATASET_MANAGEMENT, this.#nsid, low, high, 0, 0, last, AD, 0, done);
    });
  }

  /** Submits one command as soon as there is room, and waits for its end. */
  async #one(what: string, submit: (done: Done) => void): Promise<void> {
    while (this.room === 0) await this.#someRoom();
    await new Promise<void>((resolve, reject) => {
      submit((status) => {
        if (status === SUCCESS) resolve();
        else reject(this.#owner.errorOf(what, status));
      });
      this.#owner.io.queue.ringSoon();
    });
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
      const crosses = this.#boundary !== 0 && this.#untilBoundary(lba) < bytes;
      if (bytes > maxTransferBytes || queue.room === 0 || crosses) {
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
        const block = lba + at / this.blockBytes;
        const part = Math.min(bytes - at, this.maxTransferBytes, this.#untilBoundary(block));
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

  /** How many bytes from this block on a command can have without crossing a boundary. */
  #untilBoundary(lba: number): number {
    const boundary = this.#boundary;
    return boundary === 0 ? Infinity : (boundary - (lba % boundary)) * this.blockBytes;
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
