// SPDX-License-Identifier: MIT
// The armed interrupt vectors of a device, as one thing to close.
import { closedError } from './errors.js';
import { callNative } from './internal/call.js';
import { keepOwner } from './internal/leaks.js';
import { mustBeOurs, type Ours, ours } from './internal/ours.js';
import { integer } from './internal/validate.js';
import { endVector, Interrupt } from './interrupt.js';
import { type InterruptType, interruptIndex, isLevel } from './interrupts/types.js';
import type { NativeInterrupts } from './native.js';

/** Whether a vector is one of a set. */
export let hasVector: (set: InterruptSet, vector: Interrupt) => boolean;
/** The device disarms the vectors of a set itself, as it is reset or closed. */
export let endInterrupts: (set: InterruptSet) => void;

/**
 * The armed vectors of a device (`VFIO_DEVICE_SET_IRQS`). Obtained from
 * {@link Device.enableInterrupts}; closed by itself, by a reset of the device, or with it.
 */
export class InterruptSet implements Disposable {
  static {
    hasVector = (set, vector) => set.#vectors.includes(vector);
    endInterrupts = (set) => set.#end();
  }

  readonly type: InterruptType;
  /** How many vectors are armed. */
  readonly count: number;
  readonly #native: NativeInterrupts;
  readonly #name: string;
  readonly #vectors: Interrupt[] = [];
  /** Keeps the device while the set is open. */
  #onClose: (() => void) | undefined;

  /** @internal Use {@link Device.enableInterrupts}. */
  constructor(
    key: Ours,
    native: NativeInterrupts,
    type: InterruptType,
    owner: string,
    onClose: () => void,
  ) {
    mustBeOurs(key);
    this.type = type;
    this.count = native.count;
    this.#native = native;
    this.#name = `InterruptSet ${type} of ${owner}`;
    this.#onClose = onClose;
    const level = isLevel(interruptIndex(type));
    for (let index = 0; index < native.count; index++) {
      const vector = new Interrupt(ours, native, index, level, this.#name);
      keepOwner(vector, this);
      this.#vectors.push(vector);
    }
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#onClose === undefined;
  }

  /** The vector `index`, from 0 to `count` - 1; the same object every time. */
  vector(index: number): Interrupt {
    integer('the vector', index, 0, this.count - 1);
    if (this.closed) throw closedError(this.#name);
    return this.#vectors[index] as Interrupt;
  }

  /**
   * Disarms all vectors, at once. Iterations end, a pending once() rejects with `ERR_VFIO_CLOSED`,
   * grants of its vectors are revoked.
   * Closing twice does nothing.
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
