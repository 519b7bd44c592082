// SPDX-License-Identifier: MIT
// Register accesses that report themselves to a function. A space that is not traced knows nothing of this.
import { hrtime } from 'node:process';
import { fits, offsetError, valueError } from '../internal/access.js';
import { callable } from '../internal/validate.js';
import type { Word } from './arithmetic.js';
import { type Bounded, boundedSpace, nameOf } from './spaces.js';
import type { RegisterWidth } from './specification.js';
import type { MemorySpace, RegisterSpace } from './types.js';

/**
 * One access, as {@link traced} reports it. `JSON.stringify` makes a line of a `vfio.trace/1` file from it
 * (docs/registers.md).
 */
export interface AccessTrace {
  /** The format. */
  readonly schema: 'vfio.trace/1';
  /** When the access began: nanoseconds on the kernel's monotonic clock (CLOCK_MONOTONIC). */
  readonly time: number;
  /** What happened. */
  readonly op: 'read' | 'write';
  /** The PCI address of the device; undefined for memory. */
  readonly device: string | undefined;
  /** What was accessed: `BAR0`, or `DmaBuffer at 0x10000`. */
  readonly region: string;
  /** The offset in bytes from the start of the region. */
  readonly offset: number;
  /** The width of the access in bits. */
  readonly width: RegisterWidth;
  /** The value in hexadecimal, like `0x00460001`, as wide as the access; undefined if a read failed. */
  readonly value: string | undefined;
  /** The name of the register; undefined for an access by offset. */
  readonly name: string | undefined;
  /** The `code` of the error that the access threw; undefined if it succeeded. */
  readonly error: string | undefined;
}

type Log = (access: AccessTrace) => void;

/** A traced space whose accesses belong to a register of this name. */
let naming: (space: TracedSpace, name: string) => TracedSpace;

/** The space for a register of this name. Only a traced space tells registers apart. */
export function named(space: RegisterSpace, name: string): RegisterSpace {
  return space instanceof TracedSpace ? naming(space, name) : space;
}

/**
 * Returns accessors of a region or memory that call `log` after each access. If you bind registers to them,
 * each access has the name of its register:
 *
 * ```ts
 * const log = (access: AccessTrace) => console.error(JSON.stringify(access));
 * const regs = bindRegisters(traced(device.bar(0), log), NVME);
 * ```
 *
 * An access that throws is reported with its `error`, and then throws as it does without `traced`. If `log`
 * throws, the access throws that, although the device has been accessed. An access
 * with a wrong offset or value throws before the device is accessed, and is not reported. Accesses that do not
 * go through the returned object are not reported, and have no extra cost.
 *
 * Throws a TypeError `ERR_INVALID_ARG_TYPE` for a wrong argument, and `ERR_VFIO_CLOSED` for a closed buffer.
 */
export function traced(space: RegisterSpace | MemorySpace, log: Log): RegisterSpace {
  return new TracedSpace(boundedSpace(space), callable('log', log), undefined);
}

class TracedSpace implements RegisterSpace {
  static {
    naming = (traced, name) => {
      const { space, byteLength } = traced.#bounded;
      return new TracedSpace({ space: named(space, name), byteLength }, traced.#log, name);
    };
  }

  readonly name: string;
  readonly byteLength: number;
  readonly address: string | undefined;
  readonly #bounded: Bounded;
  readonly #log: Log;
  readonly #register: string | undefined;

  constructor(bounded: Bounded, log: Log, register: string | undefined) {
    this.name = bounded.space.name;
    this.byteLength = bounded.byteLength;
    this.address = bounded.space.address;
    this.#bounded = bounded;
    this.#log = log;
    this.#register = register;
  }

  get closed(): boolean | undefined {
    return this.#bounded.space.closed;
  }

  read8(offset: number): number {
    return this.#read(8, offset, (space) => space.read8(offset));
  }

  read16(offset: number): number {
    return this.#read(16, offset, (space) => space.read16(offset));
  }

  read32(offset: number): number {
    return this.#read(32, offset, (space) => space.read32(offset));
  }

  read64(offset: number): bigint {
    return this.#read(64, offset, (space) => space.read64(offset));
  }

  write8(offset: number, value: number): void {
    this.#write(8, offset, value, (space) => space.write8(offset, value));
  }

  write16(offset: number, value: number): void {
    this.#write(16, offset, value, (space) => space.write16(offset, value));
  }

  write32(offset: number, value: number): void {
    this.#write(32, offset, value, (space) => space.write32(offset, value));
  }

  write64(offset: number, value: bigint): void {
    this.#write(64, offset, value, (space) => space.write64(offset, value));
  }

  #read<V extends Word>(
    width: RegisterWidth,
    offset: number,
    access: (space: RegisterSpace) => V,
  ): V {
    this.#checkOffset('read', width, offset);
    let value: V | undefined;
    this.#report({ op: 'read', offset, width }, () => {
      value = access(this.#bounded.space);
      return value;
    });
    return value as V;
  }

  #write(
    width: RegisterWidth,
    offset: number,
    value: Word,
    access: (space: RegisterSpace) => void,
  ): void {
    this.#checkOffset('write', width, offset);
    if (!fits(value, width)) throw valueError(value, this.#access('write', width, offset));
    this.#report(
      { op: 'write', offset, width },
      () => {
        access(this.#bounded.space);
        return value;
      },
      value,
    );
  }

  /** Runs an access and reports it. `written` is the value to report if a write fails. */
  #report(
    what: Pick<AccessTrace, 'op' | 'offset' | 'width'>,
    access: () => Word,
    written?: Word,
  ): void {
    const [seconds, nanoseconds] = hrtime();
    let [value, error]: [Word | undefined, unknown] = [written, undefined];
    try {
      value = access();
    } catch (thrown) {
      error = thrown;
    }
    const report = {
      schema: 'vfio.trace/1',
      time: seconds * 1e9 + nanoseconds,
      op: what.op,
      device: this.address,
      region: this.name,
      offset: what.offset,
      width: what.width,
      value: value === undefined ? undefined : hexOf(value, what.width),
      name: this.#register,
      error: error === undefined ? undefined : codeOf(error),
    } as const;
    try {
      this.#log(report);
    } catch (failure) {
      // What the access threw says more.
      error ??= failure;
    }
    if (error !== undefined) throw error;
  }

  /** A region checks this itself, but memory does not. */
  #checkOffset(verb: 'read' | 'write', width: RegisterWidth, offset: number): void {
    const bytes = width / 8;
    const isInside = Number.isInteger(offset) && offset >= 0 && offset <= this.byteLength - bytes;
    if (!isInside || offset % bytes !== 0)
      throw offsetError(offset, this.byteLength, this.#access(verb, width, offset));
  }

  #access(verb: 'read' | 'write', width: RegisterWidth, offset: number) {
    const address = this.address ?? '';
    return { region: nameOf(this), address, verb, width, offset };
  }
}

function hexOf(value: Word, width: number): string {
  return `0x${value.toString(16).padStart(width / 4, '0')}`;
}

function codeOf(error: unknown): string {
  const { code } = Object(error) as { code?: unknown };
  return typeof code === 'string' ? code : String(error);
}
