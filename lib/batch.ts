// SPDX-License-Identifier: MIT
// Batches: register accesses that are prepared once and then run in one call, as often as needed.
import type { Access, CheckedAccess } from './internal/access.js';
import { mustBeOurs, type Ours } from './internal/ours.js';
import { expected, integer, items, options } from './internal/validate.js';
import type { Handle, Native } from './native.js';

/** One access of a {@link Batch}. */
export interface BatchCommand {
  /** Bytes from the start of the region. Must be a multiple of the width. */
  offset: number;
  /** The width of the access in bits; default 32. */
  width?: 8 | 16 | 32 | 64 | undefined;
  /** The value to write: a number, or a bigint if the width is 64. Without it, the command reads. */
  write?: number | bigint | undefined;
}

/** @internal The parts of a region that a batch uses. */
export interface BatchRegion {
  native: Native;
  handle: Handle;
  /** Makes the error for a command that failed. */
  failed: (access: Pick<Access, 'verb' | 'width' | 'offset'>, failure: number) => unknown;
  /** Checks the offset and the value as the accessors of the region do. */
  check: (command: CheckedAccess) => void;
}

// The layout that src-native/binding/sequences.cc reads: a header of two words, then six words for each
// command.
const head = 2;
const words = 6;
const at = { write: 0, width: 1, offsetLow: 2, offsetHigh: 3, valueLow: 4, valueHigh: 5 };

/**
 * A prepared sequence of register accesses. Obtained from {@link Region.batch}. One call does all of them in
 * order. Each is exactly one load or store of its width. In a batch, an access costs a few nanoseconds
 * instead of about thirty.
 *
 * A batch stops at the first access that fails. The accesses before it have been done.
 */
export class Batch {
  /** The number of accesses. */
  readonly length: number;
  readonly #commands: readonly CheckedAccess[];
  readonly #program: Uint32Array;
  readonly #memory: ArrayBuffer;
  readonly #native: Native;
  readonly #handle: Handle;
  readonly #errorOf: BatchRegion['failed'];

  /** @internal Use {@link Region.batch}. */
  constructor(key: Ours, region: BatchRegion, commands: readonly BatchCommand[]) {
    mustBeOurs(key);
    const given = items('the commands', commands);
    const checked = given.map((command) => checkCommand(region, command));
    this.length = checked.length;
    this.#native = region.native;
    this.#handle = region.handle;
    this.#errorOf = region.failed;
    this.#commands = checked;
    const program = new Uint32Array(head + words * checked.length);
    this.#program = program;
    this.#memory = program.buffer;
    checked.forEach((command, index) => {
      this.#encode(command, index);
    });
  }

  /**
   * Does all accesses, in order. If one fails, this throws the error that its accessor would throw (see
   * {@link Region}), and {@link value} returns what the accesses before it read.
   */
  run(): this {
    const failure = this.#native.run(this.#handle, this.#memory);
    if (failure !== undefined) throw this.#failed(failure);
    return this;
  }

  /**
   * Returns the value that access `index` (from 0) read last, or the value that it writes. Of a 64-bit access
   * it returns the low 32 bits: use {@link value64}. Throws a RangeError if there is no such access.
   */
  value(index: number): number {
    return this.#word(index, at.valueLow);
  }

  /**
   * Returns the same value as {@link value}, with all 64 bits. Throws a RangeError if there is no such
   * access.
   */
  value64(index: number): bigint {
    return (BigInt(this.#word(index, at.valueHigh)) << 32n) | BigInt(this.value(index));
  }

  #word(index: number, which: number): number {
    integer('the index', index, 0, this.length - 1);
    return this.#program[head + words * index + which] as number;
  }

  #encode({ offset, width, write }: CheckedAccess, index: number): void {
    const value = BigInt(write ?? 0);
    const base = head + words * index;
    this.#program[base + at.write] = write === undefined ? 0 : 1;
    this.#program[base + at.width] = width / 8;
    this.#program[base + at.offsetLow] = offset % 2 ** 32;
    this.#program[base + at.offsetHigh] = Math.floor(offset / 2 ** 32);
    this.#program[base + at.valueLow] = Number(value & 0xffff_ffffn);
    this.#program[base + at.valueHigh] = Number(value >> 32n);
  }

  #failed(failure: number): unknown {
    const done = this.#program[0] as number;
    const command = this.#commands[done];
    if (command === undefined)
      return this.#errorOf({ verb: 'read', width: 32, offset: 0 }, failure);
    const isWrite = this.#program[head + words * done + at.write] === 1;
    const { offset, width } = command;
    return this.#errorOf({ verb: isWrite ? 'write' : 'read', width, offset }, failure);
  }
}

function checkCommand(region: BatchRegion, command: BatchCommand): CheckedAccess {
  const { offset, width = 32, write } = options('batch', command, ['offset', 'width', 'write']);
  if (width !== 8 && width !== 16 && width !== 32 && width !== 64) {
    throw expected('8, 16, 32 or 64', 'the width', width);
  }
  const checked = { offset, width, write };
  region.check(checked);
  return checked;
}
