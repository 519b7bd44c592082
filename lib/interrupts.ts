// SPDX-License-Identifier: MIT
// InterruptSet: the armed interrupt vectors of a device, which are closed together.
import type { DeviceRegisters } from './diagnose/interrupt-timeout.js';
import { closedError } from './errors.js';
import { callNative } from './internal/call.js';
import { keepOwner } from './internal/leaks.js';
import { mustBeOurs, type Ours, ours } from './internal/ours.js';
import { integer } from './internal/validate.js';
import { endVector, Interrupt } from './interrupt.js';
import type { InterruptType } from './interrupts/types.js';
import type { NativeInterrupts } from './native.js';

/** Whether the vector belongs to the set. */
export let hasVector: (set: InterruptSet, vector: Interrupt) => boolean;
/** Ends a set without disarming its vectors. The reset or close of the device disarms them. */
export let endInterrupts: (set: InterruptSet) => void;

/**
 * The armed interrupt vectors of a device (`VFIO_DEVICE_SET_IRQS`). Obtained from
 * {@link Device.enableInterrupts}. Close it with {@link close} or `using`. A reset of the device, or closing
 * the device, closes it too.
 */
export class InterruptSet implements Disposable {
  static {
    hasVector = (set, vector) => set.#vectors.includes(vector);
    endInterrupts = (set) => set.#end();
  }

  /** The type of the interrupts: `intx`, `msi` or `msix`. */
  readonly type: InterruptType;
  /** The number of armed vectors. */
  readonly count: number;
  readonly #native: NativeInterrupts;
  readonly #name: string;
  readonly #vectors: Interrupt[] = [];
  /** Keeps the device in use while the set is open. */
  #onClose: (() => void) | undefined;

  /** @internal Use {@link Device.enableInterrupts}. */
  constructor(
    key: Ours,
    native: NativeInterrupts,
    type: InterruptType,
    owner: string,
    onClose: () => void,
    registers?: DeviceRegisters,
  ) {
    mustBeOurs(key);
    this.type = type;
    this.count = native.count;
    this.#native = native;
    this.#name = `InterruptSet ${type} of ${owner}`;
    this.#onClose = onClose;
    const source = { set: this.#name, address: owner, type, registers };
    for (let index = 0; index < native.count; index++) {
      const vector = new Interrupt(ours, native, index, source);
      keepOwner(vector, this);
      this.#vectors.push(vector);
    }
  }

  /** Whether the set is closed, by {@link close}, by a reset or with the device. */
  get closed(): boolean {
    return this.#onClose === undefined;
  }

  /**
   * Returns the vector with this index, from 0 to `count` - 1. It is the same object every time. Throws a
   * RangeError for another index, and `ERR_VFIO_CLOSED` if the set is closed.
   */
  vector(index: number): Interrupt {
    integer('the vector', index, 0, this.count - 1);
    if (this.closed) throw closedError(this.#name);
    return this.#vectors[index] as Interrupt;
  }

  /**
   * Disarms all vectors at once. Iterations end, a pending once() rejects with `ERR_VFIO_CLOSED`, and grants
   * of the vectors are revoked. Closing it again does nothing.
   */
  close(): void {
    if (this.closed) return;
    this.#end();
    callNative(() => this.#native.close());
  }

  #end(): void {
    const onClose = this.#onClose;
    this.#onClose = undefined;
    onClose?.();
    for (const vector of this.#vectors) endVector(vector);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
