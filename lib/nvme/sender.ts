// SPDX-License-Identifier: MIT
// Sends one command of any kind with its data, and waits for its completion: `admin()` and `command()`.
import type { Device } from 'vfio';
import { AdminOpcode, type Command, directionOf } from './commands.js';
import type { NvmeError } from './errors.js';
import { type DeviceMemory, describe, emptyDataPointer, listPagesFor, PAGE_BYTES } from './prp.js';
import type { QueuePair } from './queue.js';
import { type Status, SUCCESS } from './status.js';

/** What the commands need from their controller. */
export interface SenderOwner {
  readonly device: Pick<Device, 'allocDma'>;
  readonly maxDataBytes: number;
  /** Makes the error for a command that ended with this status. */
  errorOf(what: string, status: Status): NvmeError;
}

const DWORDS = [
  'nsid',
  'cdw2',
  'cdw3',
  'cdw10',
  'cdw11',
  'cdw12',
  'cdw13',
  'cdw14',
  'cdw15',
] as const;

/** Sends commands to one queue. It allocates for each command, so it is not for the I/O that has to be fast. */
export class Sender {
  readonly #owner: SenderOwner;
  readonly #queue: () => QueuePair;
  readonly #nameOf: (opcode: number) => string;

  /** `queue` throws while the controller does not accept commands. */
  constructor(owner: SenderOwner, queue: () => QueuePair, nameOf: (opcode: number) => string) {
    this.#owner = owner;
    this.#queue = queue;
    this.#nameOf = nameOf;
  }

  /** Resolves with dword 0 of the completion. */
  async send(command: Command): Promise<number> {
    check(command);
    const { data } = command;
    if (data === undefined) return this.#submit(command);
    // Not instanceof: bytes can come from another realm.
    if (ArrayBuffer.isView(data)) return this.#sendBytes(command, data as Uint8Array);
    return this.#sendMemory(command, data as DeviceMemory, data.byteLength);
  }

  /** The device can only reach memory that is mapped for it, so the bytes are copied. */
  async #sendBytes(command: Command, bytes: Uint8Array): Promise<number> {
    const direction = directionOf(command);
    if (direction === 'none') {
      throw new RangeError(`Expected a direction: ${this.#nameOf(command.opcode)} moves no data`);
    }
    const limit = this.#owner.maxDataBytes;
    if (bytes.byteLength === 0 || bytes.byteLength > limit) {
      throw new RangeError(`Expected 1 to ${limit} bytes (MDTS) but received ${bytes.byteLength}`);
    }
    using memory = this.#pages(Math.ceil(bytes.byteLength / PAGE_BYTES));
    if (direction !== 'fromController') memory.u8.set(bytes);
    const result = await this.#sendMemory(command, memory, bytes.byteLength);
    if (direction !== 'toController') bytes.set(memory.u8.subarray(0, bytes.byteLength));
    return result;
  }

  /** The controller uses as much of the memory as the command says. More than MDTS is never used. */
  async #sendMemory(command: Command, memory: DeviceMemory, bytes: number): Promise<number> {
    const described = Math.min(bytes, this.#owner.maxDataBytes);
    const listPages = listPagesFor(described);
    using list = listPages === 0 ? undefined : this.#pages(listPages);
    const pointer = emptyDataPointer();
    describe(pointer, memory, 0, described, list ?? memory, 0);
    return await this.#submit(command, pointer);
  }

  async #submit(command: Command, pointer = emptyDataPointer()): Promise<number> {
    while (this.#queue().room === 0) await this.#queue().roomAgain();
    const queue = this.#queue();
    const { opcode } = command;
    // The controller holds an Asynchronous Event Request until there is an event.
    const timed = queue.id !== 0 || opcode !== AdminOpcode.ASYNCHRONOUS_EVENT_REQUEST;
    return new Promise((resolve, reject) => {
      const done = (status: Status, result: number) => {
        if (status === SUCCESS) resolve(result);
        else reject(this.#owner.errorOf(this.#nameOf(opcode), status));
      };
      queue.submitCommand(command, pointer, done, timed);
      queue.ring();
    });
  }

  #pages(count: number) {
    return this.#owner.device.allocDma(count * PAGE_BYTES);
  }
}

/** A value that does not fit would otherwise be cut, and the command would be a different one. */
function check(command: Command): void {
  checkInteger('opcode', command.opcode, 0xff);
  for (const name of DWORDS) checkInteger(name, command[name] ?? 0, 0xffff_ffff);
}

function checkInteger(name: string, value: number, max: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= max) return;
  throw new RangeError(`Expected ${name} to be an integer from 0 to ${max} but received ${value}`);
}
